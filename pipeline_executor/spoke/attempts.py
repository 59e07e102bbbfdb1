"""The PipelineGroups that are attempts of the same group of a run: an index, fed by the informer's changes. Pure."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from moorage.kube import Change
from moorage.runs import PipelineGroup
from pipeline_executor.runners.protocol import GroupKey
from pipeline_executor.spoke.group_objects import GroupObject

Identity: TypeAlias = tuple[str, str, str, str]
"""Namespace, run, group and Site; the namespace, since the rest is what whoever wrote the object says."""

_NONE: Final[dict[GroupKey, GroupObject]] = {}


class Attempts:
    """What is known of each group's attempts, as long as one of their objects is there."""

    def __init__(self) -> None:
        self._members: dict[Identity, set[GroupKey]] = {}
        self._unfinished: dict[Identity, dict[GroupKey, GroupObject]] = {}
        self._newest: dict[Identity, int] = {}

    def __len__(self) -> int:
        """How many groups are known."""
        return len(self._members)

    def follow(self, change: Change[GroupObject]) -> None:
        """An object was made, changed or deleted."""
        before, after = _identity(change.before), _identity(change.after)
        if before is not None and before != after:
            self._drop(before, change.key)
        if after is None or change.after is None:
            return
        self._members.setdefault(after, set()).add(change.key)
        if change.after.is_final:
            self._finish(after, change.key)
        else:
            self._unfinished.setdefault(after, {})[change.key] = change.after

    def unfinished_others(self, group: PipelineGroup) -> Iterable[tuple[GroupKey, int]]:
        """Other attempts of the same group that have not ended: their keys and numbers."""
        mine = group.namespace, group.name
        found = self._unfinished.get(identity_of(group), _NONE).items()
        return [(key, each.group.spec.attempt) for key, each in found if key != mine and each.group is not None]

    def see(self, group: PipelineGroup, attempt: int) -> None:
        """This attempt of it was seen, by this spoke or an earlier one."""
        identity = identity_of(group)
        if identity in self._members:
            self._newest[identity] = max(attempt, self._newest.get(identity, 0))

    def newest(self, group: PipelineGroup) -> int:
        """The newest attempt of it that was seen."""
        return self._newest.get(identity_of(group), group.spec.attempt)

    def _drop(self, identity: Identity, key: GroupKey) -> None:
        self._finish(identity, key)
        members = self._members.get(identity, set())
        members.discard(key)
        if not members:
            self._members.pop(identity, None)
            self._newest.pop(identity, None)

    def _finish(self, identity: Identity, key: GroupKey) -> None:
        unfinished = self._unfinished.get(identity, {})
        unfinished.pop(key, None)
        if not unfinished:
            self._unfinished.pop(identity, None)


def identity_of(group: PipelineGroup) -> Identity:
    """A group of a run, whatever the attempt."""
    spec = group.spec
    return group.namespace, spec.run.uid, spec.group, spec.site


def _identity(found: GroupObject | None) -> Identity | None:
    return None if found is None or found.group is None else identity_of(found.group)
