"""The runs that schedules made, by schedule: what a controller decides by, kept from what the watches tell."""

from datetime import datetime, timedelta
from typing import Protocol

from moorage.kube import Change
from moorage.model import Dataset
from moorage.runs import RunPhase
from pipeline_executor.hub.controller import Mark
from pipeline_executor.hub.scheduling import ScheduledRun

_UNSEEN = timedelta(seconds=60)
"""How long a run that was made counts as active before it is seen."""


class Listener(Protocol):
    """Who looks again when a run or a Dataset changed."""

    def run_changed(self, uid: str) -> None:
        """A run of the schedule with this uid changed."""

    def dataset_changed(self, change: Change[Dataset]) -> None:
        """A Dataset changed."""


class RunsOfSchedules:
    """The runs that schedules made, by the schedule's uid; told of all runs and Datasets, it tells a controller."""

    def __init__(self) -> None:
        self.controller: Listener | None = None
        self._runs: dict[str, dict[str, ScheduledRun]] = {}
        self._made: dict[str, dict[str, datetime]] = {}

    def dataset_changed(self, change: Change[Dataset]) -> None:
        """A Dataset changed."""
        if self.controller is not None:
            self.controller.dataset_changed(change)

    def run_changed(self, change: Change[Mark]) -> None:
        """A run changed, whoever made it."""
        name, before, after = change.key[1], change.before, change.after
        if before is not None and before.schedule and (after is None or after.schedule != before.schedule):
            self.remove(before.schedule, name)
        if after is not None and after.schedule:
            final = after.phase is not None and after.phase.is_final
            succeeded = after.phase is RunPhase.SUCCEEDED
            self.put(after.schedule, ScheduledRun(name, after.created, final, succeeded, after.cancel))
        for mark in (before, after):
            if mark is not None and mark.schedule and self.controller is not None:
                self.controller.run_changed(mark.schedule)

    def put(self, uid: str, run: ScheduledRun) -> None:
        """A run is there, or changed."""
        self._runs.setdefault(uid, {})[run.name] = run
        self._made.get(uid, {}).pop(run.name, None)

    def remove(self, uid: str, name: str) -> None:
        """A run is gone."""
        runs = self._runs.get(uid, {})
        runs.pop(name, None)
        if not runs:
            self._runs.pop(uid, None)

    def made(self, uid: str, name: str, now: datetime) -> None:
        """A run was made just now, and counts before the watch tells of it."""
        if name not in self._runs.get(uid, {}):
            self._made.setdefault(uid, {})[name] = now

    def of(self, uid: str, now: datetime) -> list[ScheduledRun]:
        """All runs of a schedule."""
        fresh = {name: at for name, at in self._made.get(uid, {}).items() if now - at < _UNSEEN}
        if fresh:
            self._made[uid] = fresh
        else:
            self._made.pop(uid, None)
        unseen = [ScheduledRun(name, "") for name in fresh]
        return [*self._runs.get(uid, {}).values(), *unseen]
