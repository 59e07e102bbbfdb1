"""A work agent of Open Cluster Management that is played, with the habits that were seen of the real one.

- A work is touched only once the agent's finalizer is on it; when it is deleted, what it made goes first.
- Feedback comes at an interval. A path that leads to a list gives no value; what a rule gave stays where its object has
  gone.
- An object that somebody deleted in the cluster is made again only minutes later.
- A work whose condition Complete holds is never applied again.

Of CEL it understands the one expression that the hub writes: a phase in a list.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moorage.errors import KubeError, NotFoundError
from moorage.kube import LEASES, PIPELINE_GROUPS, Client, RawObject, Selection
from pipeline_executor.distribution.ocm.works import MANAGED_CLUSTERS, MANIFEST_WORKS

_FINALIZER = "cluster.open-cluster-management.io/manifest-work-cleanup"
_RESOURCES = {"PipelineGroup": PIPELINE_GROUPS, "Lease": LEASES}
_PHASES = re.compile(r"'(\w+)'")


@dataclass
class PlayedWorkAgent:
    """Serves one ManagedCluster.

    Attributes:
        hub: the hub's API server.
        spoke: the API server of the managed cluster, as the agent may use it.
        cluster: the ManagedCluster's name.
        heals_after_seconds: when an object that was deleted is made again.
        is_cut: whether it can't reach the hub.
        applied: how often each work was applied.
    """

    hub: Client
    spoke: Client
    cluster: str
    heals_after_seconds: float = 300.0
    is_cut: bool = False
    applied: dict[str, int] = field(default_factory=dict)
    _applied: dict[str, tuple[int, float]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            works: list[RawObject] = []
            with suppress(KubeError):
                works = await self.hub.list(MANIFEST_WORKS, Selection(namespace=self.cluster))
            for work in works:
                if not self.is_cut:
                    with suppress(KubeError):
                        await self._serve(work)
            await asyncio.sleep(0.1)

    async def _serve(self, work: RawObject) -> None:
        metadata = work["metadata"]
        finalizers = metadata.get("finalizers") or []
        if metadata.get("deletionTimestamp"):
            if _FINALIZER in finalizers and await self._cleared(work):
                await self._finalizers(metadata, [each for each in finalizers if each != _FINALIZER])
            return
        if _FINALIZER not in finalizers:
            await self._finalizers(metadata, [*finalizers, _FINALIZER])
            return
        status = work.get("status") or {}
        manifests = (status.get("resourceStatus") or {}).get("manifests") or [{}]
        conditions = {each["type"]: each for each in manifests[0].get("conditions") or ()}
        values = (manifests[0].get("statusFeedback") or {}).get("values") or []
        complete = conditions.get("Complete", {}).get("status") == "True"
        if not complete and self._is_due(metadata):
            problem = await self._apply(work)
            conditions["Applied"] = _condition("Applied", not problem, problem)
        found = await self._find(work)
        conditions["Available"] = _condition("Available", found is not None)
        if found is not None:
            values, synced = _feedback(work, found)
            conditions["StatusFeedbackSynced"] = _condition("StatusFeedbackSynced", synced)
            if _is_complete(work, found):
                conditions["Complete"] = _condition("Complete", holds=True)
        await self._report(work, list(conditions.values()), values)

    def _is_due(self, metadata: Mapping[str, Any]) -> bool:
        generation, at = self._applied.get(metadata["name"], (0, 0.0))
        return generation != metadata["generation"] or time.monotonic() - at > self.heals_after_seconds

    async def _apply(self, work: RawObject) -> str:
        manifest, name = _manifest(work), work["metadata"]["name"]
        if _strategy(work) != "ReadOnly":
            try:
                await self.spoke.apply(_RESOURCES[manifest["kind"]], manifest, force=False)
            except KubeError as error:
                return str(error)
        self._applied[name] = work["metadata"]["generation"], time.monotonic()
        self.applied[name] = self.applied.get(name, 0) + 1
        return ""

    async def _find(self, work: RawObject) -> RawObject | None:
        manifest = _manifest(work)
        metadata = manifest["metadata"]
        try:
            return await self.spoke.get(_RESOURCES[manifest["kind"]], metadata["name"], metadata["namespace"])
        except KubeError:
            return None

    async def _cleared(self, work: RawObject) -> bool:
        manifest = _manifest(work)
        if _strategy(work) == "ReadOnly" or await self._find(work) is None:
            return True
        metadata = manifest["metadata"]
        with suppress(NotFoundError):
            await self.spoke.delete(_RESOURCES[manifest["kind"]], metadata["name"], metadata["namespace"])
        return False

    async def _finalizers(self, metadata: Mapping[str, Any], finalizers: list[str]) -> None:
        own = {key: metadata[key] for key in ("namespace", "name", "resourceVersion")}
        await self.hub.merge_patch(MANIFEST_WORKS, {"metadata": {**own, "finalizers": finalizers or None}})

    async def _report(self, work: RawObject, conditions: list[RawObject], values: list[RawObject]) -> None:
        before = ((work.get("status") or {}).get("resourceStatus") or {}).get("manifests") or [{}]
        known = {each["type"]: each for each in before[0].get("conditions") or ()}
        same = [known[each["type"]] if _is_same(known.get(each["type"]), each) else each for each in conditions]
        manifest = {"resourceMeta": {}, "conditions": same, "statusFeedback": {"values": values}}
        if manifest == before[0]:
            return
        metadata = {key: work["metadata"][key] for key in ("namespace", "name")}
        status = {"conditions": same, "resourceStatus": {"manifests": [manifest]}}
        await self.hub.merge_patch(MANIFEST_WORKS, {"metadata": metadata, "status": status}, subresource="status")

    async def say_available(self, status: str, message: str) -> None:
        """What OCM's registration says of the cluster, by the Lease that the agent renews there."""
        condition = {**_condition("ManagedClusterConditionAvailable", holds=True, message=message), "status": status}
        body = {"metadata": {"name": self.cluster}, "status": {"conditions": [condition]}}
        await self.hub.merge_patch(MANAGED_CLUSTERS, body, subresource="status")


@asynccontextmanager
async def serving(agent: PlayedWorkAgent) -> AsyncIterator[PlayedWorkAgent]:
    """The agent at work, until the block is left."""
    task = asyncio.create_task(agent.run(), name="played work agent")
    try:
        yield agent
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _manifest(work: RawObject) -> RawObject:
    manifest: RawObject = work["spec"]["workload"]["manifests"][0]
    return manifest


def _config(work: RawObject) -> RawObject:
    config: RawObject = work["spec"]["manifestConfigs"][0]
    return config


def _strategy(work: RawObject) -> str:
    return str((_config(work).get("updateStrategy") or {}).get("type", "Update"))


def _feedback(work: RawObject, found: RawObject) -> tuple[list[RawObject], bool]:
    """The values of the rules, and whether all of them were scalars."""
    values, synced = [], True
    for rule in _config(work).get("feedbackRules") or ():
        for path in rule["jsonPaths"]:
            value: Any = found
            for part in path["path"].strip(".").split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, bool):
                field_value: RawObject = {"type": "Boolean", "boolean": value}
            elif isinstance(value, int):
                field_value = {"type": "Integer", "integer": value}
            elif isinstance(value, str):
                field_value = {"type": "String", "string": value}
            else:
                synced = synced and value is None
                continue
            values.append({"name": path["name"], "fieldValue": field_value})
    return values, synced


def _is_complete(work: RawObject, found: RawObject) -> bool:
    for rule in _config(work).get("conditionRules") or ():
        if rule["condition"] == "Complete":
            return (found.get("status") or {}).get("phase") in _PHASES.findall(rule["celExpressions"][0])
    return False


def _condition(kind: str, holds: bool, message: str = "") -> RawObject:  # noqa: FBT001 - of a condition
    now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = "True" if holds else "False"
    return {"type": kind, "status": status, "reason": "Played", "message": message, "lastTransitionTime": now}


def _is_same(one: RawObject | None, other: RawObject) -> bool:
    return one is not None and all(one[key] == other[key] for key in ("status", "message"))
