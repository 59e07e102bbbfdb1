"""Real spokes on a stage, each with a node that is played."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devcluster.cluster import Cluster
from moorage.kube import Client
from moorage.serving.certificates import make_authority, make_leaf
from moorage.serving.context import load_pair, make_server_context
from moorage.serving.run import Listener, serve
from pipeline_executor.spoke.assembly import assembled
from pipeline_executor.spoke.heartbeat import heartbeat
from pipeline_executor.spoke.settings import SpokeSettings
from tests.pipeline_executor.boxes import Image
from tests.pipeline_executor.hub.stage import Stage
from tests.pipeline_executor.played_kubelet import PlayedKubelet
from tests.pipeline_executor.spoke.rig import IMAGES, TASK_IMAGE
from tests.ports import free_port


@contextlib.asynccontextmanager
async def real_spoke(  # noqa: PLR0913 - each says another thing
    client: Client, plane: Cluster, stage: Stage, site: str, folder: Path, *, images: Mapping[str, Image] = IMAGES
) -> AsyncIterator[None]:
    """A spoke in this process, and a node of its site that is played."""
    moment, life = datetime.now(tz=UTC) - timedelta(minutes=1), timedelta(days=1)
    authority = make_authority("test", moment, life)
    leaf = make_leaf(authority, ("localhost",), moment, life)
    context = make_server_context()
    load_pair(context, leaf.certificate.pem, leaf.key_pem)
    port, pem = free_port(), authority.certificate.pem.decode()
    settings = SpokeSettings(
        namespace=stage.system, task_api=f"https://localhost:{port}", sidecar_image=TASK_IMAGE, upload_seconds=30
    )
    listener = Listener(port=port, host="127.0.0.1", tls=context, linger_seconds=0, drain_seconds=0.1)
    async with (
        PlayedKubelet(client, plane, folder, site=site, images=images),
        assembled(client, settings, lambda: pem, "test") as spoke,
        serve(spoke.app, listener),
        heartbeat(client, stage.system, "test"),
    ):
        yield
