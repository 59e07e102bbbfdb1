"""What a pod's author may send is bounded before it is looked through, and the guard's numbers are the webhook's."""

import re
from pathlib import Path
from typing import Any

import pytest

from moorage.model import MOST_DATASETS
from tests.guard.conftest import FEW_LABELS
from tests.webhook.pods import an_s3_dataset, make_container, make_pod, reading, refused, serve
from webhook import pod_limits

Raw = dict[str, Any]
GUARD = Path(__file__).parents[2] / "charts/moorage/templates/_guard.tpl"


def large(containers: int = 1, volumes: int = 0, mounts: int = 0, variables: int = 0) -> Raw:
    """A pod that reads claims, with so many mounts and variables in each container."""
    fields = {
        "volumeMounts": [{"name": "own", "mountPath": f"/own/{number}"} for number in range(mounts)],
        "env": [{"name": f"V{number}", "value": ""} for number in range(variables)],
    }
    return make_pod(
        labels=reading("claims"),
        containers=[make_container(f"c{number}", **fields) for number in range(containers)],
        volumes=[{"name": f"own-{number}", "emptyDir": {}} for number in range(volumes)],
    )


@pytest.mark.parametrize(
    ("pod", "field", "sentence"),
    [
        (large(containers=129), "spec.containers", "at most 128 containers and init containers"),
        (large(containers=128), "spec.containers", "this one would have 129"),
        (large(volumes=10_000), "spec.volumes", "at most 1024 volumes"),
        (large(volumes=1022), "spec.volumes", "this one would have 1025"),
        (large(containers=100, mounts=82), "spec.containers[].volumeMounts", "at most 8192 volumeMounts in all"),
        (large(mounts=8189), "spec.containers[].volumeMounts", "this one would have 8193"),
        (large(variables=12_289), "spec.containers[].env", "at most 12288 environment variables in all"),
    ],
)
def test_a_pod_that_is_too_large_is_refused(pod: Raw, field: str, sentence: str) -> None:
    """As it was sent, or with what its datasets add; the sentence says how much is too much."""
    message = refused(pod, an_s3_dataset()).message
    assert f": {field}: a pod with dataset labels may have" in message
    assert sentence in message


def test_64_datasets_in_30_containers_are_served() -> None:
    """The largest pod that anybody is likely to want."""
    names = [f"d{number}" for number in range(MOST_DATASETS)]
    pod = make_pod(
        labels=reading(*names, useas="mount.configmap"),
        containers=[make_container(f"c{number}") for number in range(30)],
    )
    spec = serve(pod, *[an_s3_dataset(name) for name in names])["spec"]
    assert all(len(container["volumeMounts"]) == MOST_DATASETS for container in spec["containers"])


def test_a_path_without_end_is_refused() -> None:
    """Every folder of it used to be looked up, each with a copy of the path: minutes for one pod."""
    pod = large()
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "own", "mountPath": "/a" * 500_000}]
    message = refused(pod, an_s3_dataset()).message
    assert "spec.containers[c0].volumeMounts[own].mountPath: is longer than 4096 letters" in message


def test_the_guard_s_numbers_are_the_webhook_s() -> None:
    """What the webhook serves, the guard must not refuse."""
    text = GUARD.read_text()
    numbers = {name: int(value) for name, value in re.findall(r'define "moorage.guard.(\w+)" -}}(\d+){{-', text)}
    assert numbers == {
        "fewLabels": FEW_LABELS,
        "mostContainers": pod_limits.MOST_CONTAINERS,
        "mostVolumes": pod_limits.MOST_VOLUMES,
        "mostMounts": pod_limits.MOST_MOUNTS,
        "mostVariables": pod_limits.MOST_VARIABLES,
    }
    assert set(re.findall(r"until(?:Step 1)? (\d+)", text)) == {str(MOST_DATASETS)}
