"""Two real API servers, the hub's and a spoke's, with sites and stores of a test's own."""

import asyncio
import base64
import json
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from devcluster import binaries
from devcluster.cluster import Cluster
from devcluster.progress import Silent
from moorage.errors import KubeError
from moorage.kube import NAMESPACES, PIPELINE_GROUPS, SECRETS, SITES, STRETCHED_PIPELINES, Client, RawObject
from moorage.model import API_VERSION
from moorage.runs.pipelines import CLUSTER_SECRET_TYPE, CLUSTER_SITES_ANNOTATION
from moorage.runs.rights import hub_rights
from pipeline_executor.distribution.engines import ENGINES
from pipeline_executor.hub.app import run as run_hub
from pipeline_executor.hub.settings import HubSettings
from tests.dataset_operator.stores import BUCKET, STEWARD, Store
from tests.leftovers import collect
from tests.network import Network
from tests.polling import until
from tests.ports import free_port
from tests.rendered import read_all

CRDS = Path(__file__).parents[3] / "crds"
CHART = Path(__file__).parents[3] / "charts/moorage"
_KEYS = "store-keys"
_CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def install_crds(cluster: Cluster) -> None:
    """All definitions, as the chart installs them."""
    environment = os.environ | cluster.environment
    command = ["kubectl", "apply", "--server-side", "--force-conflicts", "-f", str(CRDS)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    wait = ["kubectl", "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]
    subprocess.run(wait, check=True, env=environment, capture_output=True)


def rendered_rights() -> list[RawObject]:
    """What the chart gives the hub in its own cluster, whatever ways it uses, and what it keeps from it."""
    command = [
        str(binaries.program("helm", Silent())),
        "template",
        "moorage",
        str(CHART),
        "--namespace",
        "of-the-stage",
    ]
    ways = f"{{{','.join(ENGINES)}}}"
    command += ["--set", "executor.hub.enabled=true", "--set", f"executor.hub.distribution={ways}"]
    command += ["--set", "executor.hub.placementScores=true"]
    for template in ("hub-rbac", "guard-works"):
        command += ["--show-only", f"templates/{template}.yaml"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return read_all(done.stdout)


def _own(raw: RawObject, namespace: str) -> RawObject:
    """Under a name of the stage's own where it is cluster-wide."""
    raw = json.loads(json.dumps(raw).replace("of-the-stage", namespace))
    if raw["kind"] in _CLUSTER_WIDE:
        raw["metadata"]["name"] += f"-{namespace}"
    if "policyName" in raw.get("spec", {}):
        raw["spec"]["policyName"] += f"-{namespace}"
    if raw.get("roleRef", {}).get("kind") == "ClusterRole":
        raw["roleRef"]["name"] += f"-{namespace}"
    return raw


def grant(cluster: Cluster, objects: list[RawObject], namespace: str, account: str, folder: Path) -> Path:
    """Give an account these rights in a cluster, and no others; its kubeconfig."""
    environment = os.environ | cluster.environment

    def kubectl(*arguments: str, stdin: str | None = None) -> str:
        command = ["kubectl", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = {"apiVersion": "v1", "kind": "List", "items": [_own(raw, namespace) for raw in objects]}
    kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    token = kubectl("create", "token", account, "-n", namespace, "--duration=2h").strip()
    config = yaml.safe_load(cluster.kubeconfig_path.read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / f"{cluster.spec.name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def take_back(cluster: Cluster, objects: list[RawObject], namespace: str) -> None:
    """Remove what of these rights no namespace takes along."""
    own = [_own(raw, namespace) for raw in objects]
    names = [f"{raw['kind']}/{raw['metadata']['name']}" for raw in own if raw["kind"] in _CLUSTER_WIDE]
    environment = os.environ | cluster.environment
    subprocess.run(
        ["kubectl", "delete", *names, "--ignore-not-found"], check=True, env=environment, capture_output=True
    )


@dataclass
class Stage:
    """Names and ways of one test.

    Attributes:
        tag: what all its names end with.
        hub: the hub's API server.
        spoke: the API server of site `us`; site `eu` is in the hub's own cluster.
        store: an S3 server; each site has a folder of its own.
        kubeconfig: the hub's own, with the chart's rights and no others.
        spoke_kubeconfig: by which it reaches the spoke's cluster, with the rights of `hub_rights` there.
        hub_plane: the hub's cluster.
    """

    tag: str
    hub: Client
    spoke: Client
    store: Store
    kubeconfig: Path
    spoke_kubeconfig: Path
    hub_plane: Cluster

    @property
    def namespace(self) -> str:
        """That of the runs, in both clusters."""
        return f"runs-{self.tag}"

    @property
    def system(self) -> str:
        """Where Moorage would be installed, in both clusters."""
        return f"system-{self.tag}"

    @property
    def eu(self) -> str:
        """A site in the hub's own cluster."""
        return f"eu-{self.tag}"

    @property
    def us(self) -> str:
        """A site in the other cluster."""
        return f"us-{self.tag}"

    def site(self, name: str, **spec: Any) -> RawObject:  # noqa: ANN401 - of a Site
        """A Site with a folder of the store."""
        s3 = {"endpoint": self.store.endpoint, "bucket": BUCKET, "prefix": name, "secretRef": {"name": _KEYS}}
        spec = {"jurisdiction": "DE", "artifactStore": {"s3": s3}, "slots": 8, **spec}
        return {"apiVersion": API_VERSION, "kind": "Site", "metadata": {"name": name}, "spec": spec}

    async def make_namespaces(self) -> None:
        """Of the runs and of Moorage, in both clusters."""
        for client in (self.hub, self.spoke):
            for name in (self.namespace, self.system):
                await client.create(NAMESPACES, {"metadata": {"name": name}})

    async def set_up(self) -> None:
        """Sites, the stores' keys and the Secret of the spoke's cluster at the hub."""
        await self.hub.apply(SITES, self.site(self.eu))
        await self.hub.apply(SITES, self.site(self.us))
        keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
        await self.hub.create(SECRETS, {"metadata": {"namespace": self.system, "name": _KEYS}, "stringData": keys})
        await self.lead_to(self.spoke_kubeconfig.read_text())

    async def lead_nowhere(self, name: str = "spoke") -> None:
        """Remove the Secret by which the hub finds a cluster."""
        with suppress(KubeError):
            await self.hub.delete(SECRETS, name, self.system)

    async def lead_to(self, kubeconfig: str, name: str = "spoke", *sites: str) -> None:
        """Write a Secret by which the hub finds the cluster of these sites (of site `us`)."""
        annotations = {CLUSTER_SITES_ANNOTATION: ",".join(sites or (self.us,))}
        data = {"kubeconfig": base64.b64encode(kubeconfig.encode()).decode()}
        metadata = {"namespace": self.system, "name": name, "annotations": annotations}
        await self.lead_nowhere(name)
        await self.hub.create(SECRETS, {"metadata": metadata, "type": CLUSTER_SECRET_TYPE, "data": data})

    async def tear_down(self) -> None:
        """Remove what is the clusters' own; namespaces take the rest along."""
        for name in (self.eu, self.us):
            with suppress(KubeError):
                await self.hub.delete(SITES, name)
        for client in (self.hub, self.spoke):
            for name in (self.namespace, self.system):
                with suppress(KubeError):
                    await client.delete(NAMESPACES, name)

    # --- runs ---

    async def submit(self, name: str, pipeline: str, **spec: Any) -> RawObject:  # noqa: ANN401 - of a run
        """Create a StretchedPipeline with its pipeline inline."""
        body = {
            "apiVersion": API_VERSION,
            "kind": "StretchedPipeline",
            "metadata": {"namespace": self.namespace, "name": name},
            "spec": {"pipeline": {"inline": pipeline}, **spec},
        }
        return await self.hub.create(STRETCHED_PIPELINES, body)

    async def run(self, name: str) -> RawObject:
        """The StretchedPipeline."""
        return await self.hub.get(STRETCHED_PIPELINES, name, self.namespace)

    async def change(self, name: str, **spec: Any) -> None:  # noqa: ANN401 - of a run
        """Change its spec."""
        body = {"metadata": {"namespace": self.namespace, "name": name}, "spec": spec}
        await self.hub.merge_patch(STRETCHED_PIPELINES, body)

    async def status(self, name: str) -> Mapping[str, Any]:
        """Its status."""
        status: Mapping[str, Any] = (await self.run(name)).get("status") or {}
        return status

    async def reaches(self, name: str, *phases: str, seconds: float = 90) -> Mapping[str, Any]:
        """Wait for one of the phases; its status then."""
        try:
            await until(lambda: self._is(name, phases), seconds=seconds)
        except TimeoutError:
            raise AssertionError(json.dumps(await self.status(name), indent=1)) from None
        return await self.status(name)

    async def _is(self, name: str, phases: tuple[str, ...]) -> bool:
        status = await self.status(name)
        final = {"Succeeded", "Failed", "Cancelled", "Infeasible"} - set(phases)
        assert status.get("phase") not in final, status
        return status.get("phase") in phases

    async def groups(self, client: Client) -> dict[str, RawObject]:
        """The PipelineGroups in a cluster, by `<group>-<attempt>`."""
        raws = [raw for raw in await client.list(PIPELINE_GROUPS) if raw["metadata"]["namespace"] == self.namespace]
        return {f"{raw['spec']['group']}-{raw['spec']['attempt']}": raw for raw in raws}

    def object(self, site: str, run: RawObject, path: str) -> bytes | None:
        """What the site's store holds below R/."""
        root = f"{site}/runs/{self.namespace}/{run['metadata']['name']}/{run['metadata']['uid']}/"
        try:
            body: bytes = self.store.client.get_object(Bucket=BUCKET, Key=root + path)["Body"].read()
        except self.store.client.exceptions.NoSuchKey:
            return None
        return body

    @asynccontextmanager
    async def cut_off_at_will(self) -> AsyncIterator[Network]:
        """Have the hub reach the spoke's cluster through a network that can be cut."""
        config = yaml.safe_load(self.spoke_kubeconfig.read_text())
        address = urlsplit(config["clusters"][0]["cluster"]["server"])
        async with Network(str(address.hostname), address.port or 443) as network:
            config["clusters"][0]["cluster"]["server"] = network.url
            await self.lead_to(yaml.safe_dump(config))
            yield network

    # --- the hub ---

    @asynccontextmanager
    async def hub_running(
        self, distribution: str = "kubeconfig", *, placement_scores: bool = False
    ) -> AsyncIterator[asyncio.Task[None]]:
        """A hub in this process, until the block is left."""
        settings = HubSettings(
            namespace=self.system,
            kubeconfig=self.kubeconfig,
            distribution=(distribution,),
            placement_scores=placement_scores,
            health_listen_port=free_port(),
            instance="hub-under-test",
        )
        task = asyncio.create_task(run_hub(settings, asyncio.Event()), name="hub")
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            collect()


@asynccontextmanager
async def staged(
    plane: Cluster, second_plane: Cluster, store: Store, rights: list[RawObject], folder: Path
) -> AsyncIterator[Stage]:
    """A stage with names of its own; the hub has the rights that it is given, in both clusters."""
    tag = uuid.uuid4().hex[:6]
    async with (
        Client.from_environment(plane.kubeconfig_path) as hub,
        Client.from_environment(second_plane.kubeconfig_path) as spoke,
    ):
        stage = Stage(tag, hub, spoke, store, folder / "none", folder / "none", plane)
        there = hub_rights(stage.system)
        await stage.make_namespaces()
        stage.kubeconfig = grant(plane, rights, stage.system, "moorage-hub", folder)
        stage.spoke_kubeconfig = grant(second_plane, there, stage.system, "moorage-hub", folder)
        try:
            await stage.set_up()
            yield stage
        finally:
            await stage.tear_down()
            take_back(plane, rights, stage.system)
            take_back(second_plane, there, stage.system)
