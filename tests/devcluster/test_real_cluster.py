"""Three real nodes: everything that the rooms above rely on, asked of the cluster itself."""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import httpx2 as httpx
import pytest

from devcluster import record
from devcluster.cluster import Cluster
from tests.polling import PATIENCE_SECONDS

pytestmark = pytest.mark.real

_NAMESPACE = "devcluster-test"


class Kubectl:
    """The cluster's own kubectl, as the administrator or as somebody else."""

    def __init__(self, cluster: Cluster, kubeconfig: object = None, namespace: str = _NAMESPACE) -> None:
        """Speak to this cluster with this kubeconfig."""
        self._command = [str(cluster.bin_dir / "kubectl"), f"--kubeconfig={kubeconfig or cluster.kubeconfig_path}"]
        self._namespace = namespace

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints."""
        return self.tried(*arguments, stdin=stdin, check=True).stdout

    def tried(self, *arguments: str, stdin: str | None = None, check: bool = False) -> subprocess.CompletedProcess[str]:
        """What came of it."""
        command = [*self._command, "--namespace", self._namespace, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, text=True)
        assert not check or done.returncode == 0, done.stderr
        return done

    def json(self, *arguments: str) -> dict[str, Any]:
        """What kubectl prints as JSON."""
        found: dict[str, Any] = json.loads(self(*arguments, "-o", "json"))
        return found

    def inside(self, pod: str, script: str) -> str:
        """What a script prints that runs in a pod."""
        return self("exec", pod, "--", "sh", "-c", script).strip()


def _pod(name: str, node: str, image: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a pod
    container = {"name": "main", "image": image, "imagePullPolicy": "Never", **changes.pop("container", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            **changes,
        },
    }


def _host_path(path: str, propagation: str) -> dict[str, Any]:
    return {
        "volumes": [{"name": "host", "hostPath": {"path": path, "type": "DirectoryOrCreate"}}],
        "container": {
            "securityContext": {"privileged": propagation == "Bidirectional"},
            "volumeMounts": [{"name": "host", "mountPath": "/host", "mountPropagation": propagation}],
        },
    }


def _get(address: str, path: str = "", port: int = 80) -> str:
    """A script that prints the last line of a page (a static busybox's wget dies of looking names up)."""
    return f"printf 'GET /{path} HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {address} {port} | tail -n 1"


def eventually(attempt: Callable[[], str], wanted: str) -> None:
    """Wait until an attempt gives what is wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := attempt()) != wanted:
        assert time.monotonic() < deadline, f"still {found!r}, not {wanted!r}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def kubectl(real_cluster: Cluster, busybox: str) -> Iterator[Kubectl]:
    """A namespace with a web server, clients at another site and in a node's network, and pods that share a folder."""
    ask = Kubectl(real_cluster)
    ask("create", "namespace", _NAMESPACE)
    served = {"command": ["sh", "-c", "mkdir /tmp/www; hostname > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www"]}
    pods = [
        _pod("server", "eu-1-n1", busybox, container=served),
        _pod("client", "us-1-n1", busybox),
        _pod("neighbour", "eu-1-n1", busybox, hostNetwork=True),
        _pod("mounter", "eu-1-n2", busybox, **_host_path("/var/lib/shared", "Bidirectional")),
        _pod("reader", "eu-1-n2", busybox, **_host_path("/var/lib/shared", "HostToContainer")),
        _pod("stranger", "eu-1-n1", busybox, **_host_path("/var/lib/shared", "HostToContainer")),
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    try:
        ask("wait", "serviceaccount/default", "--for=create", "--timeout=60s")
        ask("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [*pods, service]}))
        ask("wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s")
        yield ask
    finally:
        ask("delete", "namespace", _NAMESPACE)


def test_nodes_know_their_site(real_cluster: Cluster, kubectl: Kubectl) -> None:
    """Every node is Ready and carries its site where schedulers look."""
    nodes = kubectl.json("get", "nodes")["items"]
    label = "node-restriction.kubernetes.io/moorage-site"
    assert {node["metadata"]["name"]: node["metadata"]["labels"][label] for node in nodes} == {
        node.name: node.site for node in real_cluster.spec.nodes
    }
    assert {node["metadata"]["labels"]["topology.kubernetes.io/region"] for node in nodes} == {"eu-1", "us-1"}


def test_a_kubelet_cannot_move_its_node(real_cluster: Cluster, kubectl: Kubectl) -> None:
    """A node that was taken over can't claim to be at another site."""
    credentials = real_cluster.state_dir / "nodes/us-1-n1/etc/kubelet.kubeconfig"
    own = Kubectl(real_cluster, credentials)
    assert own("get", "node", "us-1-n1", "-o", "name") == "node/us-1-n1\n"
    label = "node-restriction.kubernetes.io/moorage-site=eu-1"
    refused = own.tried("label", "node", "us-1-n1", "--overwrite", label)
    assert refused.returncode != 0
    assert "is not allowed to modify labels" in refused.stderr
    assert kubectl.json("get", "node", "us-1-n1")["metadata"]["labels"][label.partition("=")[0]] == "us-1"


def test_services_work_across_sites_and_from_the_node_network(kubectl: Kubectl) -> None:
    """A pod at another site, and one in a node's own network, reach a ClusterIP."""
    address = kubectl.json("get", "service", "web")["spec"]["clusterIP"]
    for pod in ("client", "neighbour"):
        eventually(partial(kubectl.inside, pod, _get(address)), "server")


def test_a_firewall_of_the_host_is_no_matter(real_cluster: Cluster, kubectl: Kubectl) -> None:
    """Docker's drops whatever the host forwards, bridged frames too: what nodes say to each other is not among it."""
    known = record.read(real_cluster.name)
    assert known is not None
    network = known.addresses.subnet
    table = f"moorage-test-{known.number}"
    rules = (
        f"add table ip {table}; "
        f"add chain ip {table} forwarded {{ type filter hook forward priority 0; }}; "
        f"add rule ip {table} forwarded ip saddr {{ {network}, {known.addresses.pods} }} counter drop"
    )
    address = kubectl.json("get", "pod", "server")["status"]["podIP"]
    subprocess.run([real_cluster.bin_dir / "nft", rules], check=True)
    try:
        assert kubectl.inside("client", _get(address, port=8080)) == "server"
    finally:
        subprocess.run([real_cluster.bin_dir / "nft", f"delete table ip {table}"], check=True)


def test_a_pod_reaches_itself_through_its_service(kubectl: Kubectl) -> None:
    """The way back of a pod's call to its own ClusterIP is found."""
    address = kubectl.json("get", "service", "web")["spec"]["clusterIP"]
    eventually(partial(kubectl.inside, "server", _get(address)), "server")


def test_the_host_reaches_pods(kubectl: Kubectl) -> None:
    """The API server runs on the host, so webhooks in pods must be reachable from there."""
    address = kubectl.json("get", "pod", "server")["status"]["podIP"]
    assert httpx.get(f"http://{address}:8080/", timeout=10).text == "server\n"


def test_pods_reach_the_api_server(kubectl: Kubectl) -> None:
    """A client in a pod finds the API server by its Service, from the pods' and from a node's network."""
    for pod in ("client", "neighbour"):
        assert kubectl.inside(pod, "nc -w 5 $KUBERNETES_SERVICE_HOST 443 < /dev/null && echo yes") == "yes"


def test_tokens_name_the_node(kubectl: Kubectl) -> None:
    """A pod's token says on which node it is, for whoever checks that."""
    token = kubectl.inside("client", "cat /var/run/secrets/kubernetes.io/serviceaccount/token")
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["kubernetes.io"]["node"]["name"] == "us-1-n1"


def test_mounts_travel_between_pods_of_a_node_only(kubectl: Kubectl) -> None:
    """What a privileged pod mounts is seen by another pod of the node, live; no other node sees any of it."""
    kubectl.inside("mounter", "mkdir -p /host/data && mount -t tmpfs none /host/data && echo here > /host/data/file")
    assert kubectl.inside("reader", "cat /host/data/file") == "here"
    assert kubectl.inside("stranger", "ls /host") == ""
    kubectl.inside("mounter", "umount /host/data")
    assert kubectl.inside("reader", "ls /host/data") == ""


def test_privileged_pods_have_fuse(kubectl: Kubectl) -> None:
    """A node plugin finds the device for FUSE; other pods do not."""
    assert kubectl.inside("mounter", "test -c /dev/fuse && : < /dev/fuse && echo yes") == "yes"
    assert kubectl.inside("reader", "test -e /dev/fuse || echo no") == "no"


def test_logs_come_from_the_kubelet(kubectl: Kubectl) -> None:
    """The API server reaches the kubelets with certificates that it checks."""
    manifest = _pod("speaker", "us-1-n1", "docker.io/moorage/test-busybox:1", container={"command": ["echo", "word"]})
    kubectl("create", "-f", "-", stdin=json.dumps(manifest | {"spec": manifest["spec"] | {"restartPolicy": "Never"}}))
    kubectl("wait", "pod/speaker", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert kubectl("logs", "speaker") == "word\n"


def test_the_object_store_serves_host_and_pods(real_cluster: Cluster, kubectl: Kubectl) -> None:
    """What is uploaded from the host is there, under the same address for pods; without keys it is refused."""
    store = real_cluster.object_stores["eu-1"]
    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.region,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )
    client.create_bucket(Bucket="devcluster-test")
    try:
        client.put_object(Bucket="devcluster-test", Key="word", Body=b"content")
        assert client.get_object(Bucket="devcluster-test", Key="word")["Body"].read() == b"content"
        address = httpx.URL(store.endpoint)
        asked = kubectl.inside("client", _get(address.host, "devcluster-test/word", address.port or 80))
        assert "<Code>AccessDenied</Code>" in asked
    finally:
        client.delete_object(Bucket="devcluster-test", Key="word")
        client.delete_bucket(Bucket="devcluster-test")
        client.close()
