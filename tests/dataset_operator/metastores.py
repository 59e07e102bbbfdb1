"""A real Hive metastore for this room's tests, and what writes tables to it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from dataset_operator.listing import Budget, Cancellation
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.hive.line import line_to
from dataset_operator.listing.hive.thrift import Answer, Value, flag, mapping, record, several, text, whole
from tests.installing import program
from tests.polling import PATIENCE_SECONDS
from tests.ports import accepts, free_port
from tests.spark import spark_home

# Spark carries a metastore of Hive 2.3, with a database that needs no server.
_NEEDED = (
    "HikariCP-*", "antlr-runtime-*", "bonecp-*", "commons-*", "datanucleus-*", "derby-*", "guava-*", "hadoop-client-*",
    "hive-*", "jackson-*", "jakarta.servlet-api-*", "javax.jdo-*", "jcl-over-*", "jdo-api-*", "jta-*", "libfb303-*",
    "libthrift-*", "log4j-*", "metrics-*", "slf4j-api-*", "stax-api-*",
)  # fmt: skip
_CONFIGURATION = {
    # It has no client for stores; this class takes any URI, and nothing is read through it.
    "fs.s3a.impl": "org.apache.hadoop.fs.http.HttpFileSystem",
    "datanucleus.schema.autoCreateAll": "true",
    "hive.async.log.enabled": "false",
    "hive.metastore.schema.verification": "false",
    "hive.metastore.server.min.threads": "2",
    "javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
}
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
Columns = Mapping[str, str]


@dataclass(frozen=True)
class Metastore:
    """A running metastore.

    Attributes:
        url: its address.
        folder: where it makes the folders of tables, which it insists on; tables name others afterwards.
    """

    url: str
    folder: Path

    def call(self, method: str, arguments: dict[int, Value]) -> Answer:
        """A call that has to succeed."""
        with line_to(self.url, Budget(), Allowance(self.url), Cancellation()) as line:
            answer = line.call(method, arguments, None)
        assert not answer.keys() - {0}, f"{method}: {answer}"
        return answer

    def create(  # noqa: PLR0913 - what a table is made of
        self,
        name: str,
        location: str,
        columns: Columns,
        by: Columns | None = None,
        *,
        kind: str = "EXTERNAL_TABLE",
        serialization: str = PARQUET,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Create `default.name`, wherever its files are: that place needs not be one that the metastore can reach."""

        def table(where: str) -> Value:
            storage = self._storage(where, columns, serialization)
            fields = {1: text(name), 2: text("default"), 7: storage, 8: _columns(by or {})}
            told = {"EXTERNAL": "TRUE", "numFiles": "0", "totalSize": "0", **(parameters or {})}
            return record(fields | {9: mapping(told), 12: text(kind)})

        self.call("create_table", {1: table(f"file:{self.folder}/{name}")})
        self.call("alter_table", {1: text("default"), 2: text(name), 3: table(location)})

    def add_partition(self, name: str, values: Sequence[str], location: str, columns: Columns) -> None:
        """Add a partition to `default.name`."""

        def partition(where: str) -> Value:
            key = {1: several([text(value) for value in values]), 2: text("default"), 3: text(name)}
            return record(key | {6: self._storage(where, columns, PARQUET)})

        self.call("add_partition", {1: partition(f"file:{self.folder}/{name}/{'-'.join(values)}")})
        self.call("alter_partition", {1: text("default"), 2: text(name), 3: partition(location)})

    def drop(self, name: str) -> None:
        """Drop `default.name`."""
        self.call("drop_table", {1: text("default"), 2: text(name), 3: flag(value=False)})

    @staticmethod
    def _storage(where: str, columns: Columns, serialization: str) -> Value:
        classes = {
            3: text("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"),
            4: text("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"),
        }
        serde = record({2: text(serialization), 3: mapping({})})
        rest = {5: flag(value=False), 6: whole(-1), 7: serde, 8: several([], 11), 9: several([]), 10: mapping({})}
        return record({1: _columns(columns), 2: text(where)} | classes | rest)


def _columns(columns: Columns) -> Value:
    return several([record({1: text(name), 2: text(type_name), 3: text("")}) for name, type_name in columns.items()])


@contextmanager
def run_metastore(folder: Path) -> Iterator[Metastore]:
    """Start one, with its database in memory."""
    java = program("java", "to run a Hive metastore", "openjdk-17-jre-headless")
    jars = [jar for jar in (spark_home() / "jars").iterdir() if any(fnmatch(jar.name, each) for each in _NEEDED)]
    properties = _CONFIGURATION | {"hive.metastore.warehouse.dir": str(folder / "warehouse")}
    lines = [f"<property><name>{key}</name><value>{value}</value></property>" for key, value in properties.items()]
    (folder / "hive-site.xml").write_text(f"<configuration>{''.join(lines)}</configuration>")
    port = free_port()
    command = [java, "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dhive.log.dir={folder}"]
    command += ["-cp", ":".join(map(str, [folder, *sorted(jars)]))]
    command += ["org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", str(port)]
    with (folder / "metastore.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not accepts(port):
            assert server.poll() is None, (folder / "metastore.log").read_text()[-2000:]
            assert time.monotonic() < end, "the metastore did not start"
            time.sleep(0.1)
        yield Metastore(f"thrift://127.0.0.1:{port}", folder / "tables")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
