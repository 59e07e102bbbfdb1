"""What each way to a cluster is tested on: a hub's API server, a spoke's, and a line between them that can be cut."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import CRDS, NAMESPACES, PIPELINE_GROUPS, Client, RawObject, Resource
from moorage.runs import GroupSpec, RunRef, group_name
from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION, GROUP_LABEL, HUB_LABEL, RUN_LABEL, SUMMARY_ANNOTATION
from moorage.runs.rights import WORK_AGENT, work_agent_rights
from moorage.wire import write_pipeline_group_spec
from pipeline_executor.distribution import SeenGroup, SiteClusters
from pipeline_executor.distribution.clusters import Cluster as SiteCluster
from pipeline_executor.distribution.ocm.works import MANAGED_CLUSTERS, MANIFEST_WORKS
from pipeline_executor.spoke.summaries import summary_of
from tests.network import Network
from tests.pipeline_executor.distribution.ocm_crds import managed_clusters, manifest_works
from tests.pipeline_executor.distribution.played_work_agent import PlayedWorkAgent, serving
from tests.pipeline_executor.hub.stage import Stage, grant, take_back
from tests.polling import until


async def eventually(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what takes several processes some requests each, on a machine that may be busy."""
    await until(holds, seconds=300)


class Line(Protocol):
    """The way to the spoke's cluster."""

    async def cut(self) -> None:
        """Let nothing through, and have the hub know."""

    async def restore(self) -> None:
        """Let all through again."""


@dataclass
class Ground:
    """One way, set up.

    Attributes:
        engine: its name in the hub's settings.
        stage: the API servers; site `us` is at the end of the way.
        line: what can be cut.
        agent: the played one that acts for the hub in the spoke's cluster; None where there is none.
    """

    engine: str
    stage: Stage
    line: Line
    agent: PlayedWorkAgent | None = None
    looked_at: list[RunRef] = field(default_factory=list)
    run: RunRef = field(default_factory=lambda: RunRef("", "", ""))

    def __post_init__(self) -> None:
        self.run = RunRef(self.stage.namespace, "run", f"0000-{self.stage.tag}")

    @asynccontextmanager
    async def distribution(self) -> AsyncIterator[SiteClusters]:
        """As the hub makes it, with the hub's own rights."""
        async with Client.from_environment(self.stage.kubeconfig, field_manager="moorage-hub") as client:
            made = SiteClusters(
                client,
                hub=f"hub-{self.stage.tag}",
                namespace=self.stage.system,
                engines=(self.engine,),
                on_group=self.looked_at.append,
                on_sight=lambda: None,
            )
            async with made:
                await made.wait_synced(60)
                yield made

    def body(self, attempt: int = 1, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - of a GroupSpec
        """A PipelineGroup of the run for site `us`, as the hub writes it."""
        site = self.stage.us
        spec = GroupSpec(self.run, f"{site}-1", attempt, site, f"groups/{site}-1.yaml", "0" * 64)
        labels = {RUN_LABEL: self.run.uid, GROUP_LABEL: spec.group, HUB_LABEL: f"hub-{self.stage.tag}"}
        name = group_name(self.run.uid, spec.group, attempt)
        return {
            "metadata": {"namespace": self.run.namespace, "name": name, "labels": labels},
            "spec": write_pipeline_group_spec(replace(spec, **changes)),
        }

    def cluster(self, distribution: SiteClusters) -> SiteCluster:
        """That of site `us`."""
        found = distribution.cluster(self.stage.us)
        assert found is not None, distribution.problem(self.stage.us)
        return found

    async def at_spoke(self) -> list[RawObject]:
        """The run's PipelineGroups in the spoke's cluster."""
        listed = await self.stage.spoke.list(PIPELINE_GROUPS)
        return [raw for raw in listed if raw["metadata"]["namespace"] == self.run.namespace]

    async def arrives(self) -> RawObject:
        """The one PipelineGroup, once it is at the spoke."""
        await eventually(self.is_there)
        (raw,) = await self.at_spoke()
        return raw

    async def is_there(self) -> bool:
        """Whether a PipelineGroup is at the spoke."""
        return bool(await self.at_spoke())

    async def is_gone(self) -> bool:
        """Whether none is."""
        return not await self.at_spoke()

    async def say(self, raw: RawObject, status: Mapping[str, Any]) -> None:
        """Write its status as a spoke does."""
        said = dict(status)
        if (raw["metadata"].get("annotations") or {}).get(SUMMARY_ANNOTATION) == "true":
            said["summary"] = summary_of(said)
        metadata = {key: raw["metadata"][key] for key in ("namespace", "name")}
        await self.stage.spoke.apply(PIPELINE_GROUPS, {"metadata": metadata, "status": said}, subresource="status")

    def seen(self, cluster: SiteCluster) -> SeenGroup | None:
        """The run's first group as the hub sees it."""
        return next(iter(cluster.groups_of(self.run.uid).values()), None)


@dataclass
class _NetworkLine:
    network: Network

    async def cut(self) -> None:
        self.network.cut()

    async def restore(self) -> None:
        self.network.restore()


@dataclass
class _AgentLine:
    agent: PlayedWorkAgent

    async def cut(self) -> None:
        self.agent.is_cut = True
        await self.agent.say_available("Unknown", "Registration agent stopped updating its lease.")

    async def restore(self) -> None:
        self.agent.is_cut = False
        await self.agent.say_available("True", "Managed cluster is available")


@asynccontextmanager
async def by_kubeconfig(stage: Stage, _spoke_plane: Cluster, _folder: Path) -> AsyncIterator[Ground]:
    """A Secret with a kubeconfig, whose address is a network that can be cut."""
    async with stage.cut_off_at_will() as network:
        yield Ground("kubeconfig", stage, _NetworkLine(network))


@dataclass
class _ProcessLine:
    """A work agent of OCM, stopped and continued; what its registration would say is played."""

    process: asyncio.subprocess.Process
    registration: PlayedWorkAgent

    async def cut(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        await self.registration.say_available("Unknown", "Registration agent stopped updating its lease.")

    async def restore(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        await self.registration.say_available("True", "Managed cluster is available")


@asynccontextmanager
async def by_ocm(stage: Stage, spoke_plane: Cluster, folder: Path) -> AsyncIterator[Ground]:
    """A ManagedCluster, and a work agent that is played, with the rights that `moorage sites rights --ocm` prints."""
    await define(stage.hub, manifest_works(), managed_clusters())
    rights = _of_an_agent(stage)
    kubeconfig = grant(spoke_plane, rights, stage.system, WORK_AGENT[1], folder)
    try:
        async with (
            Client.from_environment(kubeconfig, field_manager="work-agent") as spoke,
            _managed(stage, spoke) as agent,
            serving(agent),
        ):
            yield Ground("ocm", stage, _AgentLine(agent), agent)
            await _emptied(agent)
    finally:
        take_back(spoke_plane, rights, stage.system)


@asynccontextmanager
async def by_real_ocm(stage: Stage, spoke_plane: Cluster, folder: Path) -> AsyncIterator[Ground]:
    """The same with OCM's own work agent: `$MOORAGE_OCM_BIN/work`, and its definitions in `$MOORAGE_OCM_BIN/crds/`."""
    programs = os.environ.get("MOORAGE_OCM_BIN")
    if not programs:
        pytest.skip("MOORAGE_OCM_BIN names no folder with OCM's program `work` and its definitions in `crds/`")
    for client in (stage.hub, stage.spoke):
        await define(client, *_definitions(Path(programs)))
    command = [str(Path(programs, "work")), "agent", "--workload-source-driver", "kube"]
    command += [
        "--workload-source-config",
        str(stage.hub_plane.kubeconfig_path),
        "--kubeconfig",
        str(spoke_plane.kubeconfig_path),
    ]
    command += ["--spoke-kubeconfig", str(spoke_plane.kubeconfig_path), "--agent-id", "test", "--namespace", "default"]
    command += ["--status-sync-interval", "3s", "--disable-leader-election"]
    async with _managed(stage, stage.spoke) as registration:
        log = (folder / "work-agent.log").open("wb")
        command += ["--spoke-cluster-name", registration.cluster]
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            yield Ground("ocm", stage, _ProcessLine(process, registration))
            process.send_signal(signal.SIGCONT)
            await _emptied(registration)
        finally:
            process.kill()
            await process.wait()
            log.close()


GROUNDS = {"kubeconfig": by_kubeconfig, "ocm": by_ocm, "ocm-with-its-own-agent": by_real_ocm}


@asynccontextmanager
async def _managed(stage: Stage, spoke: Client) -> AsyncIterator[PlayedWorkAgent]:
    """A ManagedCluster that names site `us`, and what tells of it; nothing serves it yet."""
    await stage.lead_nowhere()
    agent = PlayedWorkAgent(stage.hub, spoke, f"cluster-{stage.tag}")
    await stage.hub.create(NAMESPACES, {"metadata": {"name": agent.cluster}})
    annotations = {CLUSTER_SITES_ANNOTATION: stage.us}
    managed = {"metadata": {"name": agent.cluster, "annotations": annotations}, "spec": {"hubAcceptsClient": True}}
    await stage.hub.create(MANAGED_CLUSTERS, {**managed, **_kind(MANAGED_CLUSTERS)})
    try:
        await agent.say_available("True", "Managed cluster is available")
        yield agent
    finally:
        with contextlib.suppress(KubeError):
            await stage.hub.delete(MANAGED_CLUSTERS, agent.cluster)
        with contextlib.suppress(KubeError):
            await stage.hub.delete(NAMESPACES, agent.cluster)


def _definitions(programs: Path) -> list[RawObject]:
    paths = sorted((programs / "crds").glob("*.yaml"))
    return [raw for path in paths for raw in yaml.safe_load_all(path.read_text()) if raw]


async def define(client: Client, *definitions: RawObject) -> None:
    """Install definitions, and wait until they are served."""
    for definition in definitions:
        await client.apply(CRDS, definition)
        name = definition["metadata"]["name"]

        async def is_served(name: str = name) -> bool:
            conditions = ((await client.get(CRDS, name)).get("status") or {}).get("conditions") or ()
            return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

        await eventually(is_served)


def _of_an_agent(stage: Stage) -> list[RawObject]:
    """The rights that are printed, for an account in the stage's own namespace: that of OCM is not there."""
    text = json.dumps(work_agent_rights(stage.system, run_namespaces=(stage.namespace,)))
    rights: list[RawObject] = json.loads(text.replace(json.dumps(WORK_AGENT[0]), json.dumps("of-the-stage")))
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": WORK_AGENT[1], "namespace": stage.system},
    }
    return [account, *rights]


async def _emptied(agent: PlayedWorkAgent) -> None:
    """Delete what works are left: a namespace does not go while finalizers hold them."""
    agent.is_cut = False
    selected = [raw for raw in await agent.hub.list(MANIFEST_WORKS) if raw["metadata"]["namespace"] == agent.cluster]
    for raw in selected:
        with contextlib.suppress(KubeError):
            await agent.hub.delete(MANIFEST_WORKS, raw["metadata"]["name"], agent.cluster)

    async def none_left() -> bool:
        listed = await agent.hub.list(MANIFEST_WORKS)
        return not any(raw["metadata"]["namespace"] == agent.cluster for raw in listed)

    await eventually(none_left)


def _kind(resource: Resource) -> dict[str, str]:
    return {"apiVersion": resource.api_version, "kind": resource.kind}
