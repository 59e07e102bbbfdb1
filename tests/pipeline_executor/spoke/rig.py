"""A spoke in this process, on a real API server and a real S3 server, with nodes that are played."""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devcluster.cluster import Cluster
from moorage.errors import NotFoundError
from moorage.kube import NAMESPACES, PIPELINE_GROUPS, PODS, SECRETS, SITES, Client
from moorage.model import SITE_LABEL
from moorage.recording import Recorder
from moorage.runs import ExportSpec, GroupSpec, ImportSpec, RunKeys, RunRef, group_name
from moorage.runs.pipelines import QUEUE_LABEL
from moorage.serving.certificates import KeyPair, make_authority, make_leaf
from moorage.serving.context import load_pair, make_server_context
from moorage.serving.run import Listener, serve
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from moorage.wire.runs import write_pipeline_group_spec
from pipeline_executor.spoke.assembly import assembled
from pipeline_executor.spoke.settings import SpokeSettings
from pipeline_executor.store import ArtifactStore, open_store
from tests.dataset_operator.stores import STEWARD, Store
from tests.pipeline_executor.boxes import Image
from tests.pipeline_executor.played_kubelet import PlayedKubelet
from tests.pipeline_executor.task_pods import BUCKET
from tests.polling import until
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[3]
TASK_IMAGE = "moorage/task"
_PYTHON = Image(env={"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"})
IMAGES = {TASK_IMAGE: _PYTHON, "shell": Image(), "python:3.11": _PYTHON, "bare": Image(path="/nowhere")}


@dataclass
class Rig:
    """A namespace of runs, two Sites with stores of their own, and what makes spokes.

    Attributes:
        namespace: of the runs.
        system: where the Secrets are.
        eu, us: the Sites' names; eu has a node.
        port: of the task API; it and its authority outlive a spoke.
        options: of the spoke's settings, such as its runner.
        stores: the Sites' stores, by name.
    """

    client: Client
    plane: Cluster
    namespace: str
    system: str
    eu: str
    us: str
    stores: Mapping[str, ArtifactStore]
    kubelet: PlayedKubelet
    run: RunRef
    port: int = field(default_factory=free_port)
    authority: KeyPair = field(default_factory=lambda: make_authority("test", *_life()))
    options: dict[str, Any] = field(default_factory=dict)

    def keys(self, site: str, run: RunRef | None = None) -> RunKeys:
        """Of the run, in a site's store."""
        return RunKeys(self.stores[site].prefix, run or self.run)

    async def submit(  # noqa: PLR0913 - each but the first is a keyword
        self,
        pipeline: bytes,
        *,
        group: str = "g-1",
        attempt: int = 1,
        site: str = "",
        queue: str = "",
        exports: tuple[ExportSpec, ...] = (),
        imports: tuple[ImportSpec, ...] = (),
        **changes: Any,  # noqa: ANN401 - of the GroupSpec
    ) -> str:
        """Do what the hub does: the plan's file into the store, then the object; gives its name."""
        site = site or self.eu
        file = f"groups/{group}.yaml"
        await self.stores[site].put(self.keys(site).plan(file), pipeline)
        digest = hashlib.sha256(pipeline).hexdigest()
        spec = GroupSpec(self.run, group, attempt, site, file, digest, imports=imports, exports=exports)
        spec = replace(spec, **changes)
        name = group_name(self.run.uid, group, attempt)
        body = {
            "apiVersion": PIPELINE_GROUPS.api_version,
            "kind": PIPELINE_GROUPS.kind,
            "metadata": {"namespace": self.namespace, "name": name, "labels": {QUEUE_LABEL: queue} if queue else {}},
            "spec": write_pipeline_group_spec(spec),
        }
        await self.client.create(PIPELINE_GROUPS, body)
        return name

    async def status(self, name: str) -> dict[str, Any]:
        """What the object says."""
        raw = await self.client.get(PIPELINE_GROUPS, name, self.namespace)
        status: dict[str, Any] = raw.get("status") or {}
        return status

    async def ended(self, name: str, seconds: float = 60) -> dict[str, Any]:
        """The status once it is final."""
        return await self.says(name, lambda status: status.get("completionTime") is not None, seconds)

    async def says(self, name: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """The status once something holds of it."""
        seen: dict[str, Any] = {}

        async def look() -> bool:
            status = await self.status(name)
            seen.clear()
            seen.update(status)
            return holds(seen)

        try:
            await until(look, seconds=seconds)
        except TimeoutError:
            pods = await self.client.list(PODS)
            shown = [each["status"] for each in pods if each["metadata"]["namespace"] == self.namespace]
            raise AssertionError(f"{name} says {seen}; its pods: {shown}") from None
        return seen

    async def pods(self) -> list[dict[str, Any]]:
        """The pods of the runs' namespace."""
        listed = await self.client.list(PODS)
        return [pod for pod in listed if pod["metadata"]["namespace"] == self.namespace]

    def settings(self) -> SpokeSettings:
        """What a spoke of this rig is told: it loses its patience soon."""
        return SpokeSettings(
            namespace=self.system,
            sites=(self.eu, self.us),
            task_api=f"https://localhost:{self.port}",
            sidecar_image=TASK_IMAGE,
            pull_patience_seconds=3,
            config_patience_seconds=3,
            refusal_patience_seconds=3,
            upload_seconds=30,
        )

    @contextlib.asynccontextmanager
    async def spoke(
        self,
        client: Client | None = None,
        evidence: Recorder | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> AsyncIterator[None]:
        """A spoke that runs while the block does."""
        leaf = make_leaf(self.authority, ("localhost",), *_life())
        context = make_server_context()
        load_pair(context, leaf.certificate.pem, leaf.key_pem)
        settings = replace(self.settings(), **{**self.options, **changes})
        listener = Listener(port=self.port, host="127.0.0.1", tls=context, linger_seconds=0, drain_seconds=0.1)
        certificates = self.authority.certificate.pem.decode
        async with (
            assembled(client or self.client, settings, certificates, "test", evidence) as spoke,
            serve(spoke.app, listener),
        ):
            yield


def _life() -> tuple[datetime, timedelta]:
    return datetime.now(tz=UTC) - timedelta(minutes=1), timedelta(days=1)


@contextlib.asynccontextmanager
async def make_rig(client: Client, plane: Cluster, server: Store, folder: Path) -> AsyncIterator[Rig]:
    """Make one, and remove it afterwards."""
    tag = uuid.uuid4().hex[:6]
    namespace, system, eu, us = (f"{word}-{tag}" for word in ("runs", "system", "eu", "us"))
    for name in (namespace, system):
        await client.create(NAMESPACES, {"metadata": {"name": name}})
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    await client.create(SECRETS, {"metadata": {"namespace": system, "name": "store"}, "stringData": keys})
    stores = {}
    async with contextlib.AsyncExitStack() as stack:
        for site in (eu, us):
            location = S3Source(server.endpoint, BUCKET, prefix=site)
            store = {"endpoint": server.endpoint, "bucket": BUCKET, "prefix": site, "secretRef": {"name": "store"}}
            spec = {"artifactStore": {"s3": store}, "nodeSelector": {SITE_LABEL: site}}
            body = {"apiVersion": SITES.api_version, "kind": "Site", "metadata": {"name": site}, "spec": spec}
            await client.create(SITES, body)
            credentials = Credentials(STEWARD.access_key_id, STEWARD.secret_access_key)
            stores[site] = await stack.enter_async_context(open_store(site, location, credentials))
        kubelet = await stack.enter_async_context(PlayedKubelet(client, plane, folder, site=eu, images=IMAGES))
        run = RunRef(namespace, "pair", str(uuid.uuid4()))
        yield Rig(client, plane, namespace, system, eu, us, stores, kubelet, run)
        for pod in await client.list(PODS):
            if pod["metadata"]["namespace"] == namespace:
                with contextlib.suppress(NotFoundError):  # the played kubelet ends pods, too
                    await client.delete(PODS, pod["metadata"]["name"], namespace, grace_seconds=0)
        for name in (namespace, system):
            await client.delete(NAMESPACES, name)
        for site in (eu, us):
            await client.delete(SITES, site)
    await asyncio.sleep(0)
