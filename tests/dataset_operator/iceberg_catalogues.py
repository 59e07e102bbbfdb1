"""A real Iceberg REST catalogue for this room's tests, and what writes tables to it."""

import contextlib
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from bench import environments
from tests.dataset_operator.stores import STEWARD, Store, run_store
from tests.polling import PATIENCE_SECONDS
from tests.ports import accepts, free_port

BUCKET = "lake"


@dataclass(frozen=True)
class Lake:
    """A running catalogue whose tables are in a bucket of a running store.

    Attributes:
        url: the catalogue's.
        store: where tables are.
        writer: the process that writes them.
    """

    url: str
    store: Store
    writer: "subprocess.Popen[str]"

    def do(self, what: str, name: str, **more: Any) -> Any:  # noqa: ANN401 - JSON
        """Have the writer do something."""
        assert self.writer.stdin is not None
        assert self.writer.stdout is not None
        self.writer.stdin.write(json.dumps([what, name, more]) + "\n")
        self.writer.stdin.flush()
        line = self.writer.stdout.readline()
        assert line, f"{what} {name}: the writer ended"
        return json.loads(line)

    def create(self, name: str, *, partitioned: bool = False, properties: dict[str, str] | None = None) -> str:
        """Make a table: its location."""
        return str(self.do("create", name, partitioned=partitioned, properties=properties or {}))

    def append(self, name: str, *ids: int) -> int:
        """Add rows: the new snapshot's id."""
        return int(self.do("append", name, ids=ids)["snapshot"])

    def token(self) -> str:
        """A bearer token that the catalogue takes."""
        form = {"grant_type": "client_credentials", "client_id": STEWARD.access_key_id}
        form["client_secret"] = STEWARD.secret_access_key
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.url}/v1/oauth/tokens", body) as answer:  # noqa: S310 - our own
            return str(json.load(answer)["access_token"])

    def download(self, prefix: str, folder: Path) -> None:
        """Bring a folder of the bucket, as a mount would show it."""
        pages = self.store.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        for page in pages:
            for each in page.get("Contents") or ():
                target = folder / str(each["Key"]).removeprefix(prefix).strip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                self.store.client.download_file(BUCKET, each["Key"], str(target))


@contextmanager
def run_lake(folder: Path, *, anonymous: bool) -> Iterator[Lake]:
    """SeaweedFS with its catalogue, and a writer.

    Args:
        folder: for its data.
        anonymous: whether anybody may ask the catalogue; else a token is needed.
    """
    environment = environments.made("iceberg-tests")
    if environment.python is None:
        pytest.skip(f"there is no Iceberg client: {environment.trouble}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with run_store(folder, iceberg_port=port, anonymous=anonymous) as store:
        tables = boto3.client(
            "s3tables",
            endpoint_url=store.endpoint,
            region_name="us-east-1",
            aws_access_key_id=STEWARD.access_key_id,
            aws_secret_access_key=STEWARD.secret_access_key,
        )
        tables.create_table_bucket(name=BUCKET)
        tables.close()
        assert accepts(port)
        keys = {"s3.access-key-id": STEWARD.access_key_id, "s3.secret-access-key": STEWARD.secret_access_key}
        place = {"uri": url, "warehouse": f"s3://{BUCKET}", "s3.endpoint": store.endpoint, "s3.region": "us-east-1"}
        credential = {"credential": f"{STEWARD.access_key_id}:{STEWARD.secret_access_key}"}
        program = Path(__file__).with_name("iceberg_writer.py")
        command = [str(environment.python), str(program), json.dumps(place | keys | credential)]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield Lake(url, store, writer)
        finally:
            writer.stdin.close()  # type: ignore[union-attr]  # it was asked for
            with contextlib.suppress(subprocess.TimeoutExpired):
                writer.wait(PATIENCE_SECONDS)
            writer.kill()
            writer.wait()
            writer.stdout.close()  # type: ignore[union-attr]  # likewise
