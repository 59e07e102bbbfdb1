"""A played Kubeflow Pipelines for a rig: its runs are in the rig's namespace, on the rig's node."""

import contextlib
from collections.abc import AsyncIterator

from moorage.model import SITE_LABEL
from pipeline_executor.spoke.settings import RunnerName
from tests.pipeline_executor.kubeflow.played_backend import PlayedBackend
from tests.pipeline_executor.spoke.rig import Rig


@contextlib.asynccontextmanager
async def kubeflow_of(rig: Rig) -> AsyncIterator[PlayedBackend]:
    """Serve one; the rig's spokes run groups by it."""
    async with PlayedBackend(rig.client, rig.namespace, rig.stores[rig.eu], {SITE_LABEL: rig.eu}) as backend:
        rig.options |= {
            "runner": RunnerName.KUBEFLOW,
            "kubeflow_endpoint": backend.url,
            "kubeflow_metadata": f"grpc://127.0.0.1:{backend.metadata.port}",
            "kubeflow_namespace": rig.namespace,
        }
        yield backend
