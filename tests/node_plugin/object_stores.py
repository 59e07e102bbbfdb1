"""Real S3 servers."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.node_plugin.played_broker import SECRET_KEY, make_certificate
from tests.node_plugin.played_node import BIN, wait_for
from tests.ports import accepts, free_port

BUCKET = "steward-data"
_PORTS = 8
"""Four servers, each with one more for gRPC."""


@dataclass
class ObjectStore:
    """A running S3 server with one bucket."""

    endpoint: str
    client: Any

    def source(self, prefix: str, *, local: bool = True) -> dict[str, Any]:
        """A source as the broker writes it."""
        return {
            "site": "eu-1",
            "kind": "s3",
            "endpoint": self.endpoint,
            "bucket": BUCKET,
            "prefix": prefix,
            "region": "us-east-1",
            "caBundle": None,
            "local": local,
        }


@contextmanager
def run_object_store(
    directory: Path, *options: str, host: str = "127.0.0.1", authority: Path | None = None
) -> Iterator[ObjectStore]:
    """Run SeaweedFS with one user and one bucket; with an authority, the options make it speak TLS."""
    identity = {
        "name": "steward",
        "credentials": [{"accessKey": "steward", "secretKey": SECRET_KEY}],
        "actions": ["Admin"],
    }
    (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3, *of_grpc = (free_port() for _ in range(_PORTS))
    ports = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
    # Each server takes a second port for gRPC; its default is the first one's plus 10000.
    names = ("master", "volume", "filer", "s3")
    ports += [f"-{name}.port.grpc={port}" for name, port in zip(names, of_grpc, strict=True)]
    command = [
        str(BIN / "weed"), "-logtostderr=true", "server", f"-dir={directory}", f"-ip={host}",
        f"-ip.bind={host}", "-filer", "-s3", f"-s3.config={directory / 's3.json'}", "-s3.port.iceberg=0",
        "-s3.port.lance=0", "-volume.max=100", "-master.volumeSizeLimitMB=256", *ports, *options,
    ]  # fmt: skip
    with (directory / "weed.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    endpoint = f"{'http' if authority is None else 'https'}://{host}:{s3}"
    try:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            verify=None if authority is None else str(authority),
            aws_access_key_id="steward",
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=10),
        )
        wait_for("the S3 server", lambda: _makes_bucket(client))
        yield ObjectStore(endpoint, client)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _makes_bucket(client: Any) -> bool:  # noqa: ANN401 - boto3 has no types
    try:
        client.create_bucket(Bucket=BUCKET)
    except Exception:  # noqa: BLE001 - not there yet, in any of many ways
        return False
    return True


@contextmanager
def run_tls_store(folder: Path) -> Iterator[tuple[str, str, str]]:
    """An S3 server with a certificate of nobody's: its endpoint, its authority, and what its only file holds."""
    (folder / "store" / "bucket").mkdir(parents=True)
    (folder / "store" / "bucket" / "file").write_text("over TLS")
    (folder / "s3.key").write_bytes(make_certificate(folder / "s3.crt", "localhost"))
    port = free_port()
    command = [str(BIN / "rclone"), "serve", "s3", str(folder / "store"), f"--addr=localhost:{port}"]
    command += [f"--cert={folder / 's3.crt'}", f"--key={folder / 's3.key'}", f"--auth-key=steward,{SECRET_KEY}"]
    server = subprocess.Popen(command, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    try:
        wait_for("the S3 server", lambda: accepts(port))
        yield f"https://localhost:{port}", (folder / "s3.crt").read_text(), "over TLS"
    finally:
        server.kill()
        server.wait()


def put(store: ObjectStore, folder: str, objects: dict[str, bytes]) -> str:
    """Store these objects; gives the version, as the operator would."""
    etags = {}
    for key, body in objects.items():
        answer = store.client.put_object(Bucket=BUCKET, Key=f"{folder}/{key}", Body=body)
        etags[key] = answer["ETag"].strip('"')
    return version_of(objects, etags)


def version_in(store: ObjectStore, folder: str, objects: dict[str, bytes]) -> str:
    """The version of objects that are there, as the operator would say."""
    etags = {key: store.client.head_object(Bucket=BUCKET, Key=f"{folder}/{key}")["ETag"].strip('"') for key in objects}
    return version_of(objects, etags)


def version_of(objects: dict[str, bytes], etags: dict[str, str]) -> str:
    """The version of objects with these etags."""
    lines = [b"%b\0%d\0%b\n" % (key.encode(), len(objects[key]), etags[key].encode()) for key in sorted(objects)]
    return hashlib.sha256(b"".join(lines)).hexdigest()


def digests(objects: dict[str, bytes]) -> dict[str, str]:
    """What it should see."""
    return {key: hashlib.sha256(body).hexdigest() for key, body in objects.items()}
