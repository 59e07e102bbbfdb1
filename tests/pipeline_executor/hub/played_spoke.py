"""A spoke that is played: it reads PipelineGroups, writes manifests and statuses as docs/runs.md says, runs nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube import LEASES, PIPELINE_GROUPS, Client, RawObject
from moorage.runs import (
    FileEntry,
    ImportSpec,
    Manifest,
    PipelineGroup,
    RunKeys,
    TaskEnd,
    TaskOutputs,
    TaskPhase,
    Value,
)
from moorage.runs.names import split_datum
from moorage.runs.pipelines import SPOKE_LEASE, SUMMARY_ANNOTATION
from moorage.wire import read_pipeline_group
from pipeline_executor.spoke.summaries import summary_of
from tests.dataset_operator.stores import BUCKET, Store

Behaviour = Callable[[PipelineGroup], str]
"""By group: `succeed`, `fail`, or `hang` (it runs until it is cancelled)."""


class PlayedSpoke:
    """Serves the sites of one cluster.

    Attributes:
        begun: each attempt that it began, in order, as `<run>/<group>-<attempt>`.
        problems: what a spoke would have refused.
        took: by task, seconds that it says to have taken: it writes an end and outputs of 100 bytes for each of these.
    """

    def __init__(self, client: Client, store: Store, namespace: str, system: str, behave: Behaviour) -> None:
        self._client = client
        self._store = store
        self._namespace = namespace
        self._system = system
        self.behave = behave
        self.begun: list[str] = []
        self.problems: list[str] = []
        self.silent = False
        self.took: dict[str, float] = {}
        self._attempts: dict[str, int] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        beat = 0
        while True:
            with suppress(KubeError):
                if not self.silent:
                    if beat % 20 == 0:
                        await self._renew()
                    for raw in await self._client.list(PIPELINE_GROUPS):
                        if raw["metadata"]["namespace"] == self._namespace:
                            await self._serve(raw)
            beat += 1
            await asyncio.sleep(0.05)

    async def _renew(self) -> None:
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata = {"namespace": self._system, "name": SPOKE_LEASE}
        await self._client.apply(LEASES, {"metadata": metadata, "spec": {"holderIdentity": "played", "renewTime": now}})

    async def _serve(self, raw: RawObject) -> None:
        group = read_pipeline_group(raw)
        phase = (raw.get("status") or {}).get("phase")
        if phase in {"Succeeded", "Failed", "Cancelled"}:
            return
        if group.spec.cancel:
            await self._tell(raw, "Cancelled", "cancelled on demand")
            return
        if phase is None:
            self._begin(group)
            await self._tell(raw, "Running", "")
            return
        behaviour = self.behave(group)
        if behaviour == "succeed":
            brought = [self._bring(group, each) for each in group.spec.imports]
            for each in group.spec.exports:
                self._export(group, each.artifact, each.value)
            for task in self._tasks(raw):
                if task in self.took:
                    self._end(group, task, self.took[task])
            await self._tell(raw, "Succeeded", "", imports=[each for each in brought if each])
        elif behaviour == "fail":
            await self._tell(raw, "Failed", "task of it failed: it was told to")

    def _begin(self, group: PipelineGroup) -> None:
        spec = group.spec
        key = f"{spec.run.uid}/{spec.group}"
        self.begun.append(f"{spec.run.name}/{spec.group}-{spec.attempt}")
        if self._attempts.get(key, 0) >= spec.attempt:
            self.problems.append(f"{key}: attempt {spec.attempt} after {self._attempts[key]}")
        self._attempts[key] = spec.attempt
        content = self._get(spec.site, RunKeys(spec.site, spec.run).plan(spec.file))
        if content is None or hashlib.sha256(content).hexdigest() != spec.file_sha256:
            self.problems.append(f"{key}: {spec.file} is not what the hub said")
        for each in spec.imports:
            if self._get(each.site, self._place(group, each.site, each.artifact, each.value)) is None:
                self.problems.append(f"{key}: import {each.artifact or each.value} is not there")

    def _bring(self, group: PipelineGroup, brought: ImportSpec) -> dict[str, Any] | None:
        site, artifact, value = brought.site, brought.artifact, brought.value
        if site == group.spec.site:
            return None
        content = self._get(site, self._place(group, site, artifact, value)) or b""
        self._put_once(self._place(group, group.spec.site, artifact, value), content)
        size = Manifest.read(content, "manifest").size_bytes if artifact else 0
        what = {"artifact": artifact} if artifact else {"value": value}
        told = {"parameter": brought.parameter, "site": site, "phase": "Succeeded"}
        return {**told, **what, "bytes": size, "seconds": "0.5"}

    def _export(self, group: PipelineGroup, artifact: str | None, value: str | None) -> None:
        spec = group.spec
        if artifact is None:
            content = Value("told", spec.group, spec.attempt).write()
        else:
            key = RunKeys(spec.site, spec.run).data(split_datum(artifact)[0], spec.attempt, "data")
            data = f"{artifact} of attempt {spec.attempt}".encode()
            self._store.put({key: data})
            files = (FileEntry("", len(data), hashlib.sha256(data).hexdigest()),)
            kind = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
            content = Manifest(artifact, kind, {}, f"s3://{BUCKET}/{key}", files, spec.group, spec.attempt).write()
        self._put_once(self._place(group, spec.site, artifact, value), content)

    def _end(self, group: PipelineGroup, task: str, seconds: float) -> None:
        keys = RunKeys(group.spec.site, group.spec.run)
        start = datetime.now(tz=UTC)
        times = start.isoformat(), (start + timedelta(seconds=seconds)).isoformat()
        end = TaskEnd(TaskPhase.SUCCEEDED, 0, "", *times, group.spec.site, "node", "pod", 0, 100)
        manifest = Manifest(f"{task}.data", {}, {}, "s3://b/k", (FileEntry("", 100, "0" * 64),), group.spec.group, 1)
        self._put_once(keys.task(task, 1, "outputs"), TaskOutputs(artifacts={"data": (manifest,)}).write())
        self._put_once(keys.task(task, 1, "ended"), end.write())

    @staticmethod
    def _place(group: PipelineGroup, site: str, artifact: str | None, value: str | None) -> str:
        keys = RunKeys(site, group.spec.run)
        return keys.artifact(*split_datum(artifact)) if artifact else keys.value(*split_datum(value or ""))

    def _get(self, _site: str, key: str) -> bytes | None:
        try:
            body: bytes = self._store.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self._store.client.exceptions.NoSuchKey:
            return None
        return body

    def _put_once(self, key: str, content: bytes) -> None:
        if self._get("", key) is None:
            self._store.put({key: content})

    async def _tell(self, raw: RawObject, phase: str, message: str, **more: Any) -> None:  # noqa: ANN401 - of a status
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {**(raw.get("status") or {}), "phase": phase, "message": message, **more}
        status.setdefault("startTime", now)
        if phase not in {"Running", "Waiting"}:
            status["completionTime"] = now
        tasks = self._tasks(raw)
        task_phase = "Running" if phase == "Running" else phase
        status["tasks"] = [{"name": task, "phase": task_phase, "attempt": raw["spec"]["attempt"]} for task in tasks]
        if (raw["metadata"].get("annotations") or {}).get(SUMMARY_ANNOTATION):
            status["summary"] = summary_of(status)
        body = {"metadata": {key: raw["metadata"][key] for key in ("namespace", "name", "resourceVersion")}}
        with suppress(ConflictError, NotFoundError):
            await self._client.merge_patch(PIPELINE_GROUPS, {**body, "status": status}, subresource="status")

    def _tasks(self, raw: RawObject) -> list[str]:
        spec = read_pipeline_group(raw).spec
        content = self._get(spec.site, RunKeys(spec.site, spec.run).plan(spec.file))
        document: dict[str, Any] = next(yaml.safe_load_all(content or b"{}"))
        tasks: dict[str, Any] = document.get("root", {}).get("dag", {}).get("tasks", {})
        return [task for task in tasks if not task.startswith("import")]


@asynccontextmanager
async def playing(
    client: Client, store: Store, namespace: str, system: str, behave: Behaviour = lambda _group: "succeed"
) -> AsyncIterator[PlayedSpoke]:
    """A spoke, until the block is left."""
    spoke = PlayedSpoke(client, store, namespace, system, behave)
    task = asyncio.create_task(spoke.run(), name="played spoke")
    try:
        yield spoke
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
