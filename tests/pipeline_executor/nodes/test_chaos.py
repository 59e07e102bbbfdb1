"""Everything of a run over two sites is killed while it runs, on real nodes: it ends as if nothing had been."""

import hashlib
import json
from typing import Any

from moorage.runs import Manifest, RunKeys, RunRef, TaskEnd, TaskPhase
from tests.conftest import BUSYBOX
from tests.pipeline_executor.hub.pipelines import placed
from tests.pipeline_executor.nodes.ground import BUCKETS, RUNS, Ground
from tests.pipeline_executor.spoke.pipelines import DATASET, shell, spec, task, written

_NAME = "chaos"
_WHERE = {"make": "eu-1", "left": "us-1", "right": "us-1", "judge": "eu-1"}
_READS: dict[str, tuple[str, ...]] = {"make": (), "left": ("make",), "right": ("make",), "judge": ("left", "right")}
_SCRIPT = """
echo "I am $0"; sleep 4
out=$1; shift
mkdir -p "$(dirname "$out")"
{ cat "$@" < /dev/null; echo "$0"; } > "$out"
"""
_TOLD = b"make\nleft\nmake\nright\njudge\n"


def _pipeline() -> bytes:
    tasks, components, executors = {}, {}, {}
    for name, before in _READS.items():
        given = {
            f"from-{each}": {"taskOutputArtifact": {"producerTask": each, "outputArtifactKey": "data"}}
            for each in before
        }
        tasks[name] = task(f"comp-{name}", after=before, **({"artifacts": given} if given else {}))
        tasks[name]["taskInfo"] = {"name": name}
        takes = {"inputDefinitions": {"artifacts": {key: {"artifactType": DATASET} for key in given}}} if given else {}
        gives = {"outputDefinitions": {"artifacts": {"data": {"artifactType": DATASET}}}}
        components[f"comp-{name}"] = {"executorLabel": f"exec-{name}", **takes, **gives}
        paths = [f"{{{{$.inputs.artifacts['{key}'].path}}}}" for key in given]
        out = "{{$.outputs.artifacts['data'].path}}"
        executors[f"exec-{name}"] = shell(_SCRIPT, name, out, *paths, image=BUSYBOX)
    return written(spec(tasks, components, executors))


def test_whatever_is_killed_a_run_ends_with_each_task_done_once(under_way: Ground) -> None:
    """Spoke, hub, a sidecar and the object store, with SIGKILL; one attempt a task, the right bytes at both sites."""
    ground = under_way
    ground.submit(_NAME, _pipeline(), hints=placed(_WHERE))
    _when(ground, "make", "Running")
    (pod,) = ground.pods(_NAME)
    assert ground.kill(pod, "pipeline_executor.task_sidecar")
    ground.kill_part("spoke")
    _when(ground, "left", "Pending", "Running")
    ground.kill_part("hub")
    _when(ground, "right", "Running")
    ground.cluster.stop_component("object-store-eu-1", grace_seconds=0)
    ground.kill_part("spoke")
    ground.cluster.start_component("object-store-eu-1")
    _when(ground, "judge", "Running")
    ground.kill_part("hub")
    status = ground.says(_NAME, lambda status: status.get("completionTime") is not None)
    assert status["phase"] == "Succeeded", status
    assert {each["name"]: each["attempt"] for each in status["tasks"]} == dict.fromkeys(_WHERE, 1)
    _check_store(ground)


def _when(ground: Ground, name: str, *phases: str) -> None:
    def holds(status: dict[str, Any]) -> bool:
        tasks = {each["name"]: each["phase"] for each in status.get("tasks") or ()}
        return tasks.get(name) in {*phases, "Succeeded"}

    ground.says(_NAME, holds)


def _check_store(ground: Ground) -> None:
    uid = ground.get("stretchedpipeline", _NAME, "-n", RUNS)["metadata"]["uid"]
    keys, s3 = RunKeys("", RunRef(RUNS, _NAME, uid)), ground.s3()

    def read(site: str, key: str) -> bytes:
        content: bytes = s3.get_object(Bucket=BUCKETS[site], Key=key)["Body"].read()
        return content

    for name, site in _WHERE.items():
        listed = s3.list_objects_v2(Bucket=BUCKETS[site], Prefix=keys.tasks(name))["Contents"]
        assert {each["Key"].removeprefix(keys.tasks(name)).split("/")[0] for each in listed} == {"1"}
        assert TaskEnd.read(read(site, keys.task(name, 1, "ended")), name).phase is TaskPhase.SUCCEEDED
        assert f"I am {name}\n".encode() in read(site, keys.task(name, 1, "log"))
    for site in BUCKETS:
        report = json.loads(read(site, f"{keys.root}run.json"))
        assert {each["name"]: each["actual"]["attempts"] for each in report["tasks"]} == dict.fromkeys(_WHERE, 1)
    for site in BUCKETS:
        for name in ("make", "left", "right"):
            manifest = Manifest.read(read(site, keys.artifact(name, "data")), "manifest")
            bucket, _, key = manifest.uri.removeprefix("s3://").partition("/")
            assert bucket == BUCKETS[site]
            assert hashlib.sha256(read(site, key)).hexdigest() == manifest.files[0].sha256
    assert read("eu-1", keys.data("judge", 1, "data")) == _TOLD
