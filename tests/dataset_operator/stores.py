"""Real S3 servers for this room's tests."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from dataset_operator.listing import Budget, Listing, list_folder
from dataset_operator.listing.s3 import Access
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from tests.polling import PATIENCE_SECONDS
from tests.ports import accepts, free_port

BUCKET = "data"
STEWARD = Credentials("STEWARDKEY", "steward-secret-that-nobody-may-see")
# May list another bucket only.
STRANGER = Credentials("STRANGERKEY", "stranger-secret-that-nobody-may-see")


@dataclass(frozen=True)
class Store:
    """A running S3 server with the bucket `data`."""

    endpoint: str
    client: Any

    def put(self, objects: Mapping[str, bytes], bucket: str = BUCKET) -> None:
        """Upload objects, by key."""
        for key, body in objects.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def access(
        self,
        prefix: str,
        credentials: Credentials | None = STEWARD,
        *,
        bucket: str = BUCKET,
        **changes: Any,  # noqa: ANN401
    ) -> Access:
        """How the operator reaches a folder of it."""
        location = S3Source(changes.pop("endpoint", self.endpoint), bucket, prefix, ca_bundle=changes.pop("ca", None))
        return Access(location, credentials, Budget(**changes))


def listed(access: Access, *, known_unsorted: bool = False) -> Listing:
    """List a folder within its own budget."""
    return list_folder(access, access.budget, access.stop, known_unsorted=known_unsorted)


@contextmanager
def run_store(folder: Path, *, iceberg_port: int = 0, anonymous: bool = False) -> Iterator[Store]:
    """SeaweedFS, which lists in an order of its own.

    Args:
        folder: for its data.
        iceberg_port: of its catalogue of tables; 0 for none.
        anonymous: whether anybody may do anything without a key.
    """
    identities = [
        _identity("steward", STEWARD, ["Admin"]),
        _identity("stranger", STRANGER, ["Read:elsewhere", "List:elsewhere"]),
    ]
    if anonymous:
        identities.append({"name": "anonymous", "actions": ["Admin"]})
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    program = Path(sys.executable).with_name("weed")
    command = [str(program), "-logtostderr=true", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [
        "-filer",
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        f"-s3.port.iceberg={iceberg_port}",
        "-s3.port.lance=0",
    ]
    command += ["-volume.max=100", "-master.volumeSizeLimitMB=256", "-master.telemetry=false"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += [f"-{name}.port.grpc={free_port()}" for name in ports]
    with (folder / "weed.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=STEWARD.access_key_id,
        aws_secret_access_key=STEWARD.secret_access_key,
        config=Config(max_pool_connections=32),
    )
    try:
        _wait_for_bucket(client, server)
        yield Store(endpoint, client)
    finally:
        client.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextmanager
def run_tls_store(folder: Path, certificate: Path, key: Path) -> Iterator[str]:
    """An S3 server (rclone) with the bucket `data`, holding `file`, behind a certificate of nobody's: its endpoint."""
    (folder / BUCKET).mkdir(parents=True)
    (folder / BUCKET / "file").write_text("over TLS")
    port = free_port()
    keys = f"--auth-key={STEWARD.access_key_id},{STEWARD.secret_access_key}"
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder), f"--addr=127.0.0.1:{port}"]
    command += [f"--cert={certificate}", f"--key={key}", keys]
    server = subprocess.Popen(command, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not accepts(port):
            assert server.poll() is None, "rclone ended"
            assert time.monotonic() < end, "rclone did not start"
            time.sleep(0.05)
        yield f"https://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextmanager
def silent_endpoint() -> Iterator[str]:
    """Something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _identity(name: str, keys: Credentials, actions: list[str]) -> dict[str, Any]:
    credentials = [{"accessKey": keys.access_key_id, "secretKey": keys.secret_access_key}]
    return {"name": name, "credentials": credentials, "actions": actions}


def _wait_for_bucket(client: Any, server: subprocess.Popen[bytes]) -> None:  # noqa: ANN401 - boto3 has no types
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except Exception:  # noqa: BLE001 - not there yet, in any of many ways
            assert server.poll() is None, "the S3 server ended"
            assert time.monotonic() < end, "the S3 server did not start"
            time.sleep(0.1)
        else:
            return
