"""The spoke's own process, with the rights that the chart gives it and no others, killed while it works."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from moorage.errors import ForbiddenError
from moorage.kube import CONFIG_MAPS, LEASES, PODS, Client
from moorage.runs import ExportSpec, ImportSpec
from tests.dataset_operator.rights import granted
from tests.pipeline_executor.kubeflow.played_backend import PlayedBackend
from tests.pipeline_executor.spoke.pipelines import claims, pair, scripts
from tests.pipeline_executor.spoke.rig import REPOSITORY, TASK_IMAGE, Rig
from tests.polling import until
from tests.ports import free_port
from tests.world import World

_ON = "executor.spoke.enabled=true"


@contextlib.asynccontextmanager
async def _process(
    rig: Rig, kubeconfig: Path, health: int, more: Mapping[str, str] | None = None
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The process, ready; it is killed where it still runs in the end."""
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig),
        "MOORAGE_NAMESPACE": rig.system,
        "MOORAGE_SITES": f"{rig.eu},{rig.us}",
        "MOORAGE_LISTEN_HOST": "127.0.0.1",
        "MOORAGE_LISTEN_PORT": str(rig.port),
        "MOORAGE_TASK_API": f"https://localhost:{rig.port}",
        "MOORAGE_HEALTH_PORT": str(health),
        "MOORAGE_SIDECAR_IMAGE": TASK_IMAGE,
        "MOORAGE_LINGER_SECONDS": "0",
        **(more or {}),
    }
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "pipeline_executor.spoke"], env=environment, cwd=REPOSITORY
    )

    async def ready() -> bool:
        assert process.poll() is None, "the spoke ended"
        with contextlib.suppress(httpx.RequestError):
            async with httpx.AsyncClient() as http:
                return (await http.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
        return False

    try:
        await until(ready)
        yield process
    finally:
        process.kill()
        process.wait()


async def test_the_process_needs_no_more_than_the_chart_gives(rig: Rig, tmp_path: Path) -> None:
    """It runs groups, is killed with -9 in the middle, goes on, beats, is measured, and ends in order."""
    world, health = World(rig.plane, rig.system), free_port()
    folder = tmp_path / "rights"
    folder.mkdir()
    with granted(world, rig.system, folder, ("spoke",), (_ON,)) as kubeconfigs:
        slow = scripts({"a": "sleep 4; echo once"})
        async with _process(rig, kubeconfigs["spoke"], health):
            name = await rig.submit(slow, group="slow")
            await rig.says(name, _runs)
        async with _process(rig, kubeconfigs["spoke"], health) as process:
            assert (await rig.ended(name))["phase"] == "Succeeded"
            made = await rig.submit(claims(), group="claims")
            exports = (ExportSpec("length", value="write.length"),)
            given = await rig.submit(pair(), group="pair", exports=exports)
            assert (await rig.ended(made))["phase"] == "Succeeded"
            assert (await rig.ended(given))["phase"] == "Succeeded"
            reads = (ImportSpec("text", rig.eu, value="write.length"),)
            waits = await rig.submit(pair(), group="later", site=rig.us, imports=reads)
            # Nodes of that site there are none: it waits, and says so.
            said = await rig.says(waits, lambda status: "no node may run it now" in status.get("message", ""))
            assert said["imports"][0]["phase"] == "Succeeded"
            lease = await rig.client.get(LEASES, "moorage-spoke", rig.system)
            assert lease["spec"]["holderIdentity"]
            async with httpx.AsyncClient() as http:
                metrics = (await http.get(f"http://127.0.0.1:{health}/metrics")).text
            assert 'moorage_work_queue_depth{queue="pipelinegroups"}' in metrics
            assert 'moorage_evidence_lines_total{event="begun"}' in metrics
            evidence = await rig.client.get(CONFIG_MAPS, "moorage-spoke-evidence", rig.system)
            assert {name.split(".")[0] for name in evidence["data"]} == {"key", "head"}
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
    assert len(rig.kubelet.began) == 4
    left = [pod for pod in await rig.client.list(PODS) if pod["metadata"]["namespace"] == rig.namespace]
    assert all(pod["spec"].get("nodeName") is None or "deletionTimestamp" in pod["metadata"] for pod in left)


async def test_with_kubeflow_it_needs_what_the_chart_gives_for_that(
    rig: Rig, backend: PlayedBackend, tmp_path: Path
) -> None:
    """It shows its token, is killed with -9 while a task runs, and goes on; it may make no pod itself."""
    world, token = World(rig.plane, rig.system), tmp_path / "token"
    token.write_text("its token")
    values = (_ON, 'executor.spoke.runner="kubeflow"', f'executor.spoke.kubeflow.namespace="{rig.namespace}"')
    told = {
        "MOORAGE_RUNNER": "kubeflow",
        "MOORAGE_KUBEFLOW_ENDPOINT": backend.url,
        "MOORAGE_KUBEFLOW_METADATA": f"grpc://127.0.0.1:{backend.metadata.port}",
        "MOORAGE_KUBEFLOW_NAMESPACE": rig.namespace,
        "MOORAGE_KUBEFLOW_TOKEN_FILE": str(token),
    }
    with granted(world, rig.system, tmp_path, ("spoke",), values) as kubeconfigs:
        async with _process(rig, kubeconfigs["spoke"], free_port(), told):
            name = await rig.submit(scripts({"a": "sleep 4; echo once", "b": "true"}, after={"b": "a"}))
            await rig.says(name, _runs)
        async with _process(rig, kubeconfigs["spoke"], free_port(), told):
            assert (await rig.ended(name))["phase"] == "Succeeded"
        async with Client.from_environment(kubeconfigs["spoke"]) as client:
            pod = {"metadata": {"name": "x", "namespace": rig.namespace}, "spec": {"containers": [{"name": "x"}]}}
            with pytest.raises(ForbiddenError):
                await client.create(PODS, {"apiVersion": "v1", "kind": "Pod", **pod}, dry_run=True)
    assert len(backend.workflows) == 1
    assert set(backend.tokens) == {"Bearer its token"}


def _runs(status: dict[str, Any]) -> bool:
    return any(each["phase"] == "Running" for each in status.get("tasks", ()))
