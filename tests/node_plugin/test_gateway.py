"""The gateway of a pod on its real mount: S3 clients read what is mounted, and nothing else happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
import s3fs
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.node_plugin.object_stores import BUCKET, ObjectStore, put
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, rclones_of, wait_for
from tests.node_plugin.test_cached_mounts import grant, whole
from tests.ports import free_port

pytestmark = pytest.mark.real

DATASET = "stewards/claims"
CSV = b"origin,delay\nJFK,7\n" * 10_000
GATEWAY = """
import os, sys
folder, name = os.path.split(sys.argv[1])
os.environ.update({environment}, MOORAGE_GATEWAY_FOLDER=folder)
print(name, flush=True)
sys.path.insert(0, os.environ["PYTHONPATH"])
from node_plugin.gateway.__main__ import main
main()
"""


@dataclass
class Served:
    """A pod with a gateway."""

    node: Node
    pod: FakePod
    sidecar: "subprocess.Popen[bytes]"
    process: "subprocess.Popen[bytes]"
    bucket: str
    port: int

    @property
    def client(self) -> Any:  # noqa: ANN401 - boto3 has no types
        """As a program makes it."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="none",
            aws_secret_access_key="none",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
        )

    def body(self, key: str, **more: object) -> bytes | None:
        """An object; None where there is an error."""
        try:
            found: bytes = self.client.get_object(Bucket=self.bucket, Key=key, **more)["Body"].read()
        except (ClientError, BotoCoreError):
            return None
        return found


Serve = Callable[[], Served]


@pytest.fixture
def serve(node: Node, make_pod: MakePod, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Publish, mount, and start the gateway, as the kubelet does."""
    started: list[subprocess.Popen[bytes]] = []

    def make() -> Served:
        pod, port = make_pod(), free_port()
        node.publish(pod, "claims", dataset="claims", namespace="stewards")
        sidecar = node.start_sidecar(pod, "claims")
        node.wait_ready(pod, "claims")
        monkeypatch.setenv("MOORAGE_GATEWAY_PORT", str(port))
        told = node.program_environment | {"MOORAGE_GATEWAY_PORT": str(port)}
        process = node.start_container(pod, "claims", GATEWAY.replace("{environment}", repr(told)))
        started.append(process)
        assert process.stdout is not None
        found = Served(node, pod, sidecar, process, process.stdout.readline().decode().strip(), port)
        hook = [sys.executable, "-m", "node_plugin.gateway.post_start"]
        if subprocess.run(hook, check=False).returncode:
            process.kill()
            pytest.fail(process.stdout.read().decode())
        return found

    yield make
    for process in started:
        process.kill()
        process.wait()


def stored(store: ObjectStore, folder: str) -> str:
    """Put a table and a CSV; gives the version."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": list(range(50_000)), "b": ["x"] * 50_000}), sink)
    return put(store, folder, {"deep/rows.csv": CSV, "table.parquet": sink.getvalue().to_pybytes()})


def test_clients_read_what_is_mounted(serve: Serve, object_store: ObjectStore, broker: PlayedBroker) -> None:
    """boto3, pyarrow and s3fs: lists, whole objects, ranges, columns."""
    stored(object_store, "gateway-clients")
    broker.grant(DATASET, object_store.source("gateway-clients"))
    pod = serve()
    listed = pod.client.list_objects_v2(Bucket=pod.bucket)["Contents"]
    assert {each["Key"] for each in listed} == {"deep/rows.csv", "table.parquet"}
    assert pod.body("deep/rows.csv") == CSV
    assert pod.body("deep/rows.csv", Range="bytes=13-20") == CSV[13:21]
    place = f"127.0.0.1:{pod.port}"
    arrow = pafs.S3FileSystem(
        endpoint_override=place, scheme="http", access_key="none", secret_key="none", region="us-east-1"
    )
    table = ds.dataset(f"{pod.bucket}/table.parquet", filesystem=arrow).to_table(columns=["a"])
    assert table.column("a").to_pylist() == list(range(50_000))
    files = s3fs.S3FileSystem(endpoint_url=f"http://{place}", key="none", secret="none", skip_instance_cache=True)
    assert files.cat(f"{pod.bucket}/deep/rows.csv") == CSV


def test_nothing_is_written_and_nothing_else_is_read(
    serve: Serve,
    object_store: ObjectStore,
    broker: PlayedBroker,
) -> None:
    """Neither by keys that lead elsewhere."""
    stored(object_store, "gateway-guarded")
    broker.grant(DATASET, object_store.source("gateway-guarded"))
    pod = serve()
    with pytest.raises(ClientError):
        pod.client.put_object(Bucket=pod.bucket, Key="new", Body=b"x")
    with pytest.raises(ClientError):
        pod.client.delete_object(Bucket=pod.bucket, Key="table.parquet")
    with pytest.raises(ClientError):
        pod.client.create_bucket(Bucket="another")
    assert pod.body("../../../etc/passwd") is None
    assert pod.body("deep/../../../../../../etc/passwd") is None
    found = object_store.client.list_objects_v2(Bucket=BUCKET, Prefix="gateway-guarded/")["Contents"]
    assert {each["Key"] for each in found} == {"gateway-guarded/deep/rows.csv", "gateway-guarded/table.parquet"}


def test_it_lives_through_what_the_mount_lives_through(
    serve: Serve,
    object_store: ObjectStore,
    broker: PlayedBroker,
) -> None:
    """The server behind the mount is killed: the next one serves the same gateway."""
    stored(object_store, "gateway-healing")
    broker.grant(DATASET, object_store.source("gateway-healing"))
    pod = serve()
    for _ in range(3):
        os.kill(wait_for("a server", lambda: rclones_of(pod.sidecar))[0], signal.SIGKILL)
        wait_for("the bytes again", lambda: pod.body("deep/rows.csv") == CSV)
    assert pod.process.poll() is None


def test_the_nodes_copy_serves_it(
    serve: Serve,
    object_store: ObjectStore,
    broker: PlayedBroker,
    cache_dir: Path,
) -> None:
    """Once the node has all of it, nothing is asked of the store, nor of the mount's server."""
    version = stored(object_store, "gateway-copied")
    grant(broker, object_store, "gateway-copied", version, size=len(CSV) + 1_000_000)
    pod = serve()
    wait_for("the copy", lambda: whole(cache_dir) == [version])
    wait_for("the copy on top", lambda: pod.node.stack(pod.pod, "claims")[-1] != "fuse.moorage")
    os.killpg(pod.sidecar.pid, signal.SIGKILL)
    pod.sidecar.wait()
    wait_for("its bytes", lambda: pod.body("deep/rows.csv") == CSV)


def test_a_right_that_ends_ends_it(
    node: Node,
    serve: Serve,
    object_store: ObjectStore,
    broker: PlayedBroker,
) -> None:
    """It is a mount like any other."""
    node.stop_driver()
    node.environment["MOORAGE_REVIEW_SECONDS"] = "0.2"
    node.start_driver()
    stored(object_store, "gateway-revoked")
    broker.grant(DATASET, object_store.source("gateway-revoked"))
    pod = serve()
    assert pod.body("deep/rows.csv") == CSV
    broker.revoke(DATASET)
    wait_for("an error", lambda: pod.body("deep/rows.csv") is None)
