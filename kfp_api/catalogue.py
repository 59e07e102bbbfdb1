"""Informers of runs and of what is kept in ConfigMaps, and the indexes that they feed."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from kfp_api import objects
from kfp_api.filtering import Field, Fields
from kfp_api.index import Index
from kfp_api.records import Experiment, Kept, Pipeline, Run, Version
from kfp_api.recurrence import RecurringRun, read_recurring
from moorage.kube import (
    CONFIG_MAPS,
    PIPELINE_SCHEDULES,
    STRETCHED_PIPELINES,
    Change,
    Client,
    RawObject,
    Reflector,
    Selection,
)
from moorage.watching.bundle import Bundle

_SEEN_SECONDS = 5.0
_KINDS = f"{objects.KIND_LABEL} in ({objects.EXPERIMENT},{objects.PIPELINE},{objects.VERSION})"
_COMMON: Fields = {
    "created_at": Field(lambda record: str(record.created_at), is_time=True),
    "display_name": Field(lambda record: str(record.display_name)),
    "id": Field(lambda record: str(record.id)),
    "namespace": Field(lambda record: str(record.namespace)),
}


class Catalogue:
    """Informers and indexes of runs and ConfigMaps. They run inside its `async with` block.

    Args:
        client: the API server.
        namespaces: that are served; empty: all.
    """

    def __init__(self, client: Client, namespaces: Sequence[str]) -> None:
        name = Field(lambda record: str(record.name))
        state = Field(lambda record: _storage(record.archived))
        self.experiments: Index[Experiment] = Index(
            {**_COMMON, "name": _COMMON["display_name"], "experiment_id": _COMMON["id"], "storage_state": state}
        )
        self.pipelines: Index[Pipeline] = Index({**_COMMON, "name": name, "pipeline_id": _COMMON["id"]})
        self.versions: Index[Version] = Index({**_COMMON, "name": name, "pipeline_version_id": _COMMON["id"]})
        self.runs: Index[Run] = Index(
            {
                **_COMMON,
                "name": _COMMON["display_name"],
                "run_id": _COMMON["id"],
                "experiment_id": Field(lambda record: str(record.experiment_id)),
                "pipeline_id": Field(lambda record: str(record.pipeline_id)),
                "pipeline_version_id": Field(lambda record: str(record.version_id)),
                "service_account": Field(lambda record: str(record.service_account)),
                "state": Field(lambda record: str(record.state.value)),
                "status": Field(lambda record: str(record.state.value)),
                "scheduled_at": _COMMON["created_at"],
                "finished_at": Field(lambda record: str(record.finished_at), is_time=True),
                "storage_state": Field(lambda record: _storage(self.is_archived(record))),
            }
        )
        self.recurring: Index[RecurringRun] = Index(
            {
                **_COMMON,
                "name": _COMMON["display_name"],
                "recurring_run_id": _COMMON["id"],
                "experiment_id": Field(lambda record: str(record.experiment_id)),
                "status": Field(lambda record: str(record.status)),
            }
        )
        reflectors: dict[str, Reflector[Any]] = {}
        for namespace in namespaces or ("",):
            where = f" of {namespace}" if namespace else ""
            reflectors[f"stretchedpipelines{where}"] = Reflector(
                client,
                STRETCHED_PIPELINES,
                project=objects.read_lasting_run,
                selection=Selection(namespace=namespace),
                on_change=self._run_changed,
            )
            reflectors[f"pipelineschedules{where}"] = Reflector(
                client,
                PIPELINE_SCHEDULES,
                project=read_recurring,
                selection=Selection(namespace=namespace),
                on_change=self._recurring_changed,
            )
            reflectors[f"configmaps{where}"] = Reflector(
                client,
                CONFIG_MAPS,
                project=objects.read_config_map,
                selection=Selection(namespace=namespace, labels=_KINDS),
                on_change=self._kept_changed,
            )
        self._bundle = Bundle(reflectors)
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bundle.__aexit__(kind, error, trace)

    def problem(self, blind_seconds: float) -> str | None:
        """Return why nothing can be said now: a cache is incomplete or too old. None where it can."""
        return self._bundle.problem(blind_seconds)

    def experiment_of(self, run: Run) -> Experiment | None:
        """Return the run's experiment, in the run's own namespace."""
        found = self.experiments.find(run.experiment_id) if run.experiment_id else ()
        return next((each for each in found if each.namespace == run.namespace), None)

    def is_archived(self, run: Run) -> bool:
        """Return whether the run is archived, by itself or with its experiment."""
        return run.archived_with(self.experiment_of(run))

    def runs_of(self, version: Version) -> list[Run]:
        """Return the runs of a version."""
        return self.runs.of(version.namespace, version.id)

    def recurring_of(self, version: Version) -> list[RecurringRun]:
        """Return the recurring runs of a version."""
        return self.recurring.of(version.namespace, version.id)

    # --- reading one's own writes ---

    async def seen(self, index: Index[Any], written: RawObject) -> None:
        """Wait until the index has what was just written, so that a client finds what it was told of.

        Not for ever: where the watch is behind, the answer is right all the same.
        """
        metadata = written["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        revision = int(metadata["resourceVersion"])

        def is_there() -> bool:
            record: Kept | None = index.get(namespace, name)
            return record is not None and record.revision >= revision

        await self._until(is_there)

    async def gone(self, index: Index[Any], record: Kept) -> None:
        """Wait until the index no longer has what was just deleted, or has a later one of that name."""

        def is_gone() -> bool:
            now: Kept | None = index.get(*record.key)
            return now is None or now.object_uid != record.object_uid

        await self._until(is_gone)

    async def _until(self, holds: Callable[[], bool]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEEN_SECONDS):
                while not holds():
                    await self._changed.wait()

    # --- what the informers tell ---

    def _run_changed(self, change: Change[Run]) -> None:
        if change.after is None:
            self.runs.drop(*change.key)
        else:
            self.runs.put(change.after)
        self._tell()

    def _recurring_changed(self, change: Change[RecurringRun]) -> None:
        if change.after is None:
            self.recurring.drop(*change.key)
        else:
            self.recurring.put(change.after)
        self._tell()

    def _kept_changed(self, change: Change[Experiment | Pipeline | Version]) -> None:
        # A label may have changed, and with it the kind.
        for kind, index in self._indexes():
            if isinstance(change.after, kind):
                index.put(change.after)
            elif isinstance(change.before, kind):
                index.drop(*change.key)
        if isinstance(change.after, Experiment):
            self.runs.touch(change.key[0])
        self._tell()

    def _indexes(self) -> tuple[tuple[type[Kept], Index[Any]], ...]:
        return (Experiment, self.experiments), (Pipeline, self.pipelines), (Version, self.versions)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _storage(archived: object) -> str:
    return "ARCHIVED" if archived else "AVAILABLE"
