"""The played kubelet keeps a kubelet's order, on a real API server."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from moorage.kube import PODS, Client
from moorage.model import SITE_LABEL
from tests.pipeline_executor.boxes import Image
from tests.pipeline_executor.played_kubelet import PlayedKubelet
from tests.polling import until

SIDECAR = """
trap 'echo told; cat /shared/answer; exit 0' TERM
sleep 0.3; echo ready > /shared/ready
while :; do sleep 0.05; done
"""


@pytest.fixture
async def kubelet(client: Client, plane: Cluster, tmp_path: Path) -> AsyncIterator[PlayedKubelet]:
    """One node."""
    images = {"busybox": Image(), "bare": Image(path="/nowhere")}
    async with PlayedKubelet(client, plane, tmp_path, site=f"eu-{uuid.uuid4().hex[:8]}", images=images) as played:
        yield played


async def test_a_sidecar_is_served_before_and_told_after(
    kubelet: PlayedKubelet,
    client: Client,
    namespace: str,
) -> None:
    """The hook holds the main container; the sidecar ends after it, and sees what it left."""
    mount = [{"name": "shared", "mountPath": "/shared"}]
    hook = ["sh", "-c", "until test -e /shared/ready; do sleep 0.05; done"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pair", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {SITE_LABEL: kubelet.site},
            "volumes": [{"name": "shared", "emptyDir": {}}],
            "initContainers": [
                {
                    "name": "side",
                    "image": "busybox",
                    "restartPolicy": "Always",
                    "command": ["sh", "-c", SIDECAR],
                    "volumeMounts": mount,
                    "lifecycle": {"postStart": {"exec": {"command": hook}}},
                }
            ],
            "containers": [
                {
                    "name": "main",
                    "image": "busybox",
                    "command": [
                        "sh",
                        "-c",
                        "cat /shared/ready; echo $$WORD $(WORD) '$(NONE)' > /shared/answer; exit 3",
                    ],
                    "env": [{"name": "WORD", "value": "42"}],
                    "volumeMounts": mount,
                }
            ],
        },
    }
    await client.create(PODS, pod)

    async def ended() -> bool:
        raw = await client.get(PODS, "pair", namespace)
        return raw["status"].get("phase") in {"Failed", "Succeeded"}

    await until(ended)
    raw = await client.get(PODS, "pair", namespace)
    assert raw["status"]["phase"] == "Failed"
    assert raw["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    path = PODS.path(namespace, "pair", "log")
    logs = [(await client.request("GET", path, parameters={"container": name})) for name in ("main", "side")]
    assert logs == [{"text": "ready\n"}, {"text": "told\n42 42 $(NONE)\n"}]


@pytest.mark.parametrize(
    ("image", "changes", "said"),
    [
        ("missing", {}, "ImagePullBackOff"),
        ("bare", {}, "StartError"),
        ("busybox", {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "x"}}}]}, "Config"),
    ],
)
async def test_what_cannot_start_says_so(  # noqa: PLR0913, PLR0917 - fixtures and a table
    kubelet: PlayedKubelet,
    client: Client,
    namespace: str,
    image: str,
    changes: dict[str, object],
    said: str,
) -> None:
    """An image that is not there, a program that is not in it, a Secret that is missing."""
    container = {"name": "main", "image": image, "command": ["sh", "-c", "true"], **changes}
    spec = {"restartPolicy": "Never", "nodeSelector": {SITE_LABEL: kubelet.site}, "containers": [container]}
    await client.create(
        PODS,
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": namespace}, "spec": spec},
    )

    async def seen() -> bool:
        raw = await client.get(PODS, "one", namespace)
        return said in str(raw["status"].get("containerStatuses"))

    await until(seen)
