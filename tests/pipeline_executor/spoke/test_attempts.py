"""What a spoke keeps of groups' attempts and imports: enough to find their like, and nothing of what is gone."""

from collections.abc import Iterable

import pytest

from moorage.kube import Change
from moorage.runs import GroupPhase, GroupSpec, Manifest, PipelineGroup, RunRef
from pipeline_executor.runners.protocol import GroupKey
from pipeline_executor.spoke.attempts import Attempts
from pipeline_executor.spoke.group_objects import GroupObject
from pipeline_executor.spoke.importing import Datum, Importing
from pipeline_executor.store import ArtifactStore, SiteStores
from tests.planes import nowhere

_SITE = "eu-1"


def make_group(attempt: int, *, group: str = "g-1", namespace: str = "fraud") -> PipelineGroup:
    """An attempt of a group of the run `u-1`."""
    spec = GroupSpec(RunRef("fraud", "weekly", "u-1"), group, attempt, _SITE, "f", "0")
    return PipelineGroup(namespace, f"{group}-{attempt}", f"uid-{group}-{attempt}", spec)


def seen(group: PipelineGroup, phase: GroupPhase | None = None) -> GroupObject:
    """As the informer shows it."""
    return GroupObject(group.namespace, group.name, group.uid, group, phase=phase)


def key_of(group: PipelineGroup) -> GroupKey:
    """Namespace and name."""
    return group.namespace, group.name


def follow(attempts: Attempts, before: GroupObject | None, after: GroupObject | None) -> None:
    """A change of one object."""
    found = after or before
    assert found is not None
    attempts.follow(Change((found.namespace, found.name), before, after))


def test_only_unfinished_attempts_of_the_same_group_are_its_others() -> None:
    """Neither those that have ended, nor another group's, nor what another namespace calls the same."""
    attempts, first, second = Attempts(), make_group(1), make_group(2)
    for group in (first, second, make_group(1, group="g-2"), make_group(1, namespace="other")):
        follow(attempts, None, seen(group))
    assert list(attempts.unfinished_others(second)) == [(key_of(first), 1)]
    assert list(attempts.unfinished_others(first)) == [(key_of(second), 2)]
    follow(attempts, seen(first), seen(first, GroupPhase.FAILED))
    assert list(attempts.unfinished_others(second)) == []


def test_the_newest_that_was_seen_is_known_while_one_is_there() -> None:
    """An older one that is left still knows that it is replaced; with the last one all is forgotten."""
    attempts, first, second = Attempts(), make_group(1), make_group(2)
    for group in (first, second):
        follow(attempts, None, seen(group))
    attempts.see(second, 2)
    attempts.see(first, 1)
    follow(attempts, seen(second), None)
    assert attempts.newest(first) == 2
    follow(attempts, seen(first), None)
    attempts.see(first, 1)  # the look at it was under way when it was deleted
    assert len(attempts) == 0
    assert attempts.newest(make_group(1)) == 1


def test_an_object_whose_spec_changes_moves() -> None:
    """As one does that was made again under the same name, or that can't be read any more."""
    attempts, first, second = Attempts(), make_group(1), make_group(2)
    follow(attempts, None, seen(first))
    follow(attempts, None, seen(second))
    unread = GroupObject(first.namespace, first.name, first.uid, None, problem="spec.group: is no text")
    follow(attempts, seen(first), unread)
    assert list(attempts.unfinished_others(second)) == []
    follow(attempts, unread, seen(first))
    assert list(attempts.unfinished_others(second)) == [(key_of(first), 1)]


class _Untouched(set[GroupKey]):
    """Readers of what another group waits for."""

    def discard(self, element: object, /) -> None:
        pytest.fail(f"all arrivals were gone through for {element}")


async def _never(
    run: RunRef, source: ArtifactStore, target: ArtifactStore, manifest: Manifest, told: object
) -> Manifest:
    raise NotImplementedError(run, source, target, manifest, told)


def _data(numbers: Iterable[int]) -> list[Datum]:
    run = RunRef("fraud", "weekly", "u-1")
    return [Datum(run, f"t{number}.out", is_artifact=True, source="us-1", target=_SITE) for number in numbers]


async def test_a_group_that_waits_no_more_costs_what_it_waited_for() -> None:
    """Not what all others wait for; what nobody else wants is dropped."""
    async with (
        nowhere() as client,
        SiteStores(client, "moorage", lambda _: None) as stores,
        Importing(stores, _never, lambda _: None) as importing,
    ):
        mine, shared, others = _data(range(3))
        me, other = ("fraud", "g-1"), ("fraud", "g-2")
        wanted = importing.want(me, mine)
        importing.want(me, shared)
        assert importing.want(other, shared).readers == {me, other}
        importing.want(other, others).readers = _Untouched({other})
        importing.forget(me)
        importing.forget(me)
        assert importing.want(other, shared).readers == {other}
        assert importing.want(me, mine) is not wanted
