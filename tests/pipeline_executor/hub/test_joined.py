"""Hub and spokes, both real: a pipeline crosses from one cluster to another and back, its bytes with it."""

import json
import os
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from moorage.kube import SECRETS, SITES
from moorage.model import SITE_LABEL
from moorage.runs import Manifest
from tests.dataset_operator.stores import BUCKET, STEWARD
from tests.pipeline_executor.hub.pipelines import placed
from tests.pipeline_executor.hub.real_spokes import real_spoke
from tests.pipeline_executor.hub.stage import Stage
from tests.pipeline_executor.spoke.pipelines import DATASET, shell, spec, task, written

_PASS_ON = 'mkdir -p "$(dirname "$1")"; cat ${2:+"$2"} > "$1"; echo "$0" >> "$1"'
_OUT = "{{$.outputs.artifacts['data'].path}}"
_CHAIN = ("make", "refine", "judge")


def chain() -> str:
    """Each task hands on what it was given, and a line of its own."""
    tasks, components, executors = {}, {}, {}
    before = ""
    for name in _CHAIN:
        given = {"taskOutputArtifact": {"producerTask": before, "outputArtifactKey": "data"}}
        inputs = {"artifacts": {"given": given}} if before else {}
        tasks[name] = task(f"comp-{name}", after=(before,) if before else (), **inputs)
        components[f"comp-{name}"] = {
            "executorLabel": f"exec-{name}",
            **({"inputDefinitions": {"artifacts": {"given": {"artifactType": DATASET}}}} if before else {}),
            "outputDefinitions": {"artifacts": {"data": {"artifactType": DATASET}}},
        }
        read = ("{{$.inputs.artifacts['given'].path}}",) if before else ()
        executors[f"exec-{name}"] = shell(_PASS_ON, name, _OUT, *read)
        before = name
    for name in _CHAIN:
        tasks[name]["taskInfo"] = {"name": name}
    selectors = [{"producerSubtask": "judge", "outputArtifactKey": "data"}]
    outputs = {"artifacts": {"verdict": {"artifactSelectors": selectors}}}
    root = {"outputDefinitions": {"artifacts": {"verdict": {"artifactType": DATASET}}}}
    return written(spec(tasks, components, executors, root, outputs)).decode()


async def test_a_pipeline_crosses_and_comes_back(
    stage: Stage, two_planes: tuple[Cluster, Cluster], tmp_path: Path
) -> None:
    """The last task reads what went through both clusters; plan and actual stand side by side."""
    if os.geteuid() != 0:
        pytest.skip("the played kubelet mounts: it needs root")
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    name = "store-keys"
    await stage.spoke.create(SECRETS, {"metadata": {"namespace": stage.system, "name": name}, "stringData": keys})
    for client in (stage.hub, stage.spoke):
        for site in (stage.eu, stage.us):
            await client.apply(SITES, stage.site(site, nodeSelector={SITE_LABEL: site}))
    where = {"make": stage.eu, "refine": stage.us, "judge": stage.eu}
    hub_plane, spoke_plane = two_planes
    async with (
        real_spoke(stage.hub, hub_plane, stage, stage.eu, tmp_path / "eu"),
        real_spoke(stage.spoke, spoke_plane, stage, stage.us, tmp_path / "us"),
        stage.hub_running(),
    ):
        run = await stage.submit("joined", chain(), hints=placed(where))
        status = await stage.reaches("joined", "Succeeded", seconds=240)
    for site in (stage.eu, stage.us):
        await stage.spoke.delete(SITES, site)
    assert {each["name"]: (each["site"], each["phase"]) for each in status["tasks"]} == {
        task: (site, "Succeeded") for task, site in where.items()
    }
    made = Manifest.read(stage.object(stage.us, run, "artifacts/refine/data.json") or b"", "manifest")
    content = stage.store.client.get_object(Bucket=BUCKET, Key=made.uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    assert content == b"make\nrefine\n"
    report = json.loads(stage.object(stage.eu, run, "run.json") or b"{}")
    assert {each["name"]: each["actual"]["phase"] for each in report["tasks"]} == dict.fromkeys(where, "Succeeded")
    crossed = {(each["from"], each["to"]): each["actual"]["bytes"] for each in report["transfers"]}
    assert crossed == {(stage.eu, stage.us): 5, (stage.us, stage.eu): 12}
    assert status["bytesMoved"] == 17
