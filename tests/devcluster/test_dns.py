"""The cluster's DNS on real nodes: pods find Services and each other by name, as programs look names up."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from devcluster import binaries, cluster, images
from devcluster.cluster import Cluster
from devcluster.dns import NAME
from devcluster.layout import cache_dir
from devcluster.progress import Silent
from tests.devcluster.test_real_cluster import Kubectl, eventually

pytestmark = pytest.mark.real

NAMESPACE = "dns-test"
IMAGE = images.image_reference("webhook")
"""It has a Python and with it glibc's own way to look names up."""
LOOK_UP = "import socket, sys; print(sorted({each[4][0] for each in socket.getaddrinfo(sys.argv[1], 80)})[0])"


class Asker:
    """A pod that looks names up."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def find(self, name: str) -> str:
        """Its address, or what went wrong."""
        done = self.kubectl.tried("exec", "asker", "--", "python3", "-c", LOOK_UP, name)
        return (done.stdout or done.stderr).strip()


@pytest.fixture(scope="module")
def asker(real_cluster: Cluster) -> Iterator[Asker]:
    """A pod that asks at one site, and a Service and a headless one in front of a pod at another."""
    programs = partial(binaries.program, progress=Silent())
    built = images.build("webhook", cache_dir() / "images" / "built", lambda _: None, programs=programs)
    cluster.load_image(real_cluster, built.path)
    ask = Kubectl(real_cluster, namespace=NAMESPACE)
    ask("create", "namespace", NAMESPACE)
    container = {"name": "main", "image": IMAGE, "command": ["python3", "-c", "import time; time.sleep(3600)"]}
    objects = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": node},
                "terminationGracePeriodSeconds": 0,
                "containers": [container],
            },
        }
        for name, node in {"asker": "us-1-n1", "web": "eu-1-n1"}.items()
    ]
    objects += [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **more},
        }
        for name, more in {"web": {}, "direct": {"clusterIP": "None"}}.items()
    ]
    try:
        ask("wait", "serviceaccount/default", "--for=create", "--timeout=60s")
        ask("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        ask("wait", "pod", "--all", "--for=condition=Ready", "--timeout=90s")
        yield Asker(ask)
    finally:
        ask("delete", "namespace", NAMESPACE)


@pytest.mark.parametrize(
    "name", ["kubernetes.default.svc.cluster.local", "kubernetes.default.svc", "kubernetes.default"]
)
def test_the_api_server_is_found(asker: Asker, name: str) -> None:
    """By its full name and by shorter ones, at the address of its Service."""
    service = asker.kubectl.json("get", "service", "kubernetes", "--namespace", "default")
    assert asker.find(name) == service["spec"]["clusterIP"]


def test_services_are_found(asker: Asker) -> None:
    """One with an address of its own, in the same namespace and from elsewhere, and one of pods' addresses."""
    service, pod = asker.kubectl.json("get", "service", "web"), asker.kubectl.json("get", "pod", "web")
    for name in ("web", f"web.{NAMESPACE}", f"web.{NAMESPACE}.svc.cluster.local"):
        eventually(partial(asker.find, name), service["spec"]["clusterIP"])
    eventually(partial(asker.find, "direct"), pod["status"]["podIP"])


def test_what_is_not_there_is_refused_at_once(asker: Asker) -> None:
    """A name of the cluster, and one of the world that pods can't reach anyway."""
    for name in ("nothing", "nothing.default.svc.cluster.local", "www.example.com"):
        assert "gaierror" in asker.find(name)


def test_it_comes_back(asker: Asker, real_cluster: Cluster) -> None:
    """It is a process of the cluster, which status tells of, and which can be stopped and started."""
    assert cluster.status(real_cluster.name).components[NAME]
    real_cluster.stop_component(NAME)
    assert not cluster.status(real_cluster.name).components[NAME]
    assert "gaierror" in asker.find("web")
    real_cluster.start_component(NAME)
    assert asker.find("web") == asker.kubectl.json("get", "service", "web")["spec"]["clusterIP"]
