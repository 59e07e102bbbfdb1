"""Tables of a real Hive metastore, and of metastores that mean harm."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from dataset_operator.listing import Budget, Cancellation
from dataset_operator.listing.catalogues import ToldTable
from dataset_operator.listing.hive import HiveCatalogue, metastore
from dataset_operator.listing.hive.catalogue import not_files, told
from dataset_operator.listing.hive.columns import arrow_type, format_of
from dataset_operator.listing.hive.thrift import record, text
from moorage.errors import SourceError
from moorage.model import Column, Partitions
from moorage.sources.hive import HiveSource
from moorage.sources.s3 import S3Source
from tests.dataset_operator.metastores import Metastore
from tests.dataset_operator.stores import Store
from tests.dataset_operator.test_operator import Raw, dataset, parquet, ready, status_when
from tests.world import World, eventually

COLUMNS = {"id": "bigint", "note": "varchar(10)", "price": "decimal(10,2)", "tags": "array<string>"}
IN_ARROW = (
    Column("id", "int64"),
    Column("note", "string"),
    Column("price", "decimal128(10, 2)"),
    Column("tags", "array<string>"),
)


def look_up(url: str, table: str, *, stop: Cancellation | None = None, **budget: float) -> ToldTable:
    """Ask a metastore for a table."""
    source = HiveSource(url, table=table, within=S3Source("http://s3.test", "data"))
    bounds = replace(Budget(), **budget)  # type: ignore[arg-type]  # numbers of either kind
    return HiveCatalogue().look_up(source, None, bounds, stop or Cancellation())


# --- a real one ---


def test_a_table_is_read_from_a_real_metastore(metastore_server: Metastore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Location, format, columns and all partitions, in several answers; and what is no table of files is told."""
    server = metastore_server
    server.create("orders", "s3a://data/orders", COLUMNS, {"day": "date"})
    for day in ("2026-12-01", "2026-12-02", "2026-12-03"):
        server.add_partition("orders", [day], f"s3a://data/orders/day={day}", COLUMNS)
    monkeypatch.setattr(metastore, "_MOST_AT_ONCE", 2)
    found = look_up(server.url, "default.orders")
    assert (found.uri, found.format, found.columns) == (
        "s3a://data/orders",
        "parquet",
        (*IN_ARROW, Column("day", "date32[day]")),
    )
    days = ("day=2026-12-01", "day=2026-12-02", "day=2026-12-03")
    assert found.partitions == Partitions(("day",), 3, days)
    assert found.others == tuple((day, f"s3a://data/orders/{day}") for day in days)
    assert look_up(server.url, "orders") == found
    monkeypatch.setattr(metastore, "MOST_PARTITIONS", 2)
    with pytest.raises(SourceError, match="has more than 2 partitions: split the table") as caught:
        look_up(server.url, "orders")
    assert caught.value.reason == "ListTooLarge"

    server.create("remote", "s3a://data/remote", COLUMNS, parameters={"storage_handler": "an.Handler"})
    for table, reason in (("remote", "TableNotFiles"), ("absent", "TableNotFound"), ("absent.t", "TableNotFound")):
        with pytest.raises(SourceError) as caught:
            look_up(server.url, table)
        assert caught.value.reason == reason, str(caught.value)


def test_a_table_is_a_dataset(world: World, operator: object, store: Store, metastore_server: Metastore) -> None:
    """Its folder's version, the metastore's columns and partitions; new with a partition; unready once it is moved."""
    del operator
    server, day = metastore_server, "s3a://data/lake/sales/day=2026-12-{:02}"
    server.create("sales", "s3a://data/lake/sales", {"id": "bigint"}, {"day": "string"})
    server.add_partition("sales", ["2026-12-01"], day.format(1), {"id": "bigint"})
    store.put({"lake/sales/day=2026-12-01/a.parquet": parquet(3), "lake/other/a.parquet": parquet(9)})
    place = {"endpoint": store.endpoint, "bucket": "data", "prefix": "lake", "secretRef": {"name": "keys"}}
    hive = {"metastore": server.url, "table": "default.sales", "within": {"s3": place}}
    world.apply(dataset(world, "sales", {"site": world.eu, "hive": hive}))
    first = status_when(world, "sales", "Ready")
    assert (first["objects"], first["bytes"], first["format"]) == (1, len(parquet(3)), "parquet")
    assert [column["type"] for column in first["schema"]] == ["int64", "string"]
    assert first["partitions"] == {"by": ["day"], "count": 1, "last": ["day=2026-12-01"]}
    assert first["sources"][0]["found"]["folder"] == "sales"
    assert ready(first)["message"].endswith("parquet; 1 partition by day")

    store.put({"lake/sales/day=2026-12-02/a.parquet": parquet(4)})
    server.add_partition("sales", ["2026-12-02"], day.format(2), {"id": "bigint"})

    def changed() -> Raw | None:
        status: Raw = world.get("dataset", "sales", world.steward)["status"]
        return status if status["partitions"]["count"] == 2 else None

    second = eventually(changed)
    assert (second["objects"], second["version"] != first["version"]) == (2, True)

    server.drop("sales")
    server.create("sales", "s3a://salaries/lake/sales", {"id": "bigint"})
    moved = status_when(world, "sales", "TableElsewhere")
    assert "found" not in moved["sources"][0]
    assert moved["version"] == second["version"]


def test_a_table_in_datashims_words_is_a_dataset(
    world: World, operator: object, store: Store, metastore_server: Metastore
) -> None:
    """`spec.remote`, with the bucket in the words that `spec.local` has for it."""
    del operator
    metastore_server.create("plain", "s3a://data/plain", {"id": "bigint"})
    store.put({"plain/a.parquet": parquet(3)})
    remote = {"type": "CatalogEntry", "catalogURI": metastore_server.url, "table": "default/plain", "site": world.eu}
    place = {"endpoint": store.endpoint, "bucket": "data", "secret-name": "keys", "mountAllowed": "true"}
    raw = world.dataset("plain", world.eu)
    raw["spec"] = {"remote": remote | place}
    world.apply(raw)
    assert status_when(world, "plain", "Ready")["objects"] == 1


# --- metastores that mean harm ---

Harm = Callable[[socket.socket], None]


@contextmanager
def harmful(answer: Harm) -> Iterator[str]:
    """Answers every call so."""

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"thrift://127.0.0.1:{listener.getsockname()[1]}"


def reply(body: bytes, name: str = "get_table_req", kind: int = 2) -> bytes:
    """A message with that body."""
    return struct.pack(">HBB", 0x8001, 0, kind) + text(name)[1] + struct.pack(">i", 1) + body


def field(number: int, of: int, body: bytes) -> bytes:
    """A field of a struct."""
    return struct.pack(">bh", of, number) + body


def sending(message: bytes) -> Harm:
    """Sends it, and waits for the other side to close."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(message)
        connection.recv(1)

    return answer


def drip(connection: socket.socket) -> None:
    """A byte now and then, for ever."""
    connection.sendall(reply(field(0, 11, struct.pack(">i", 1000))))
    while True:
        connection.sendall(b"x")
        threading.Event().wait(0.05)


def flood(connection: socket.socket) -> None:
    """A list of empty texts without end."""
    connection.sendall(reply(field(0, 15, struct.pack(">bi", 11, 399_999))))
    while True:
        connection.sendall(bytes(65536))


DEEP = field(0, 12, b"".join(field(1, 12, b"") for _ in range(64)))
HARMFUL: dict[str, tuple[Harm, str]] = {
    "silence": (sending(b""), "CatalogueUnreachable"),
    "the end": (lambda connection: connection.close(), "CatalogueUnreachable"),
    "drops": (drip, "ListTooSlow"),
    "a web server": (sending(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "CatalogueUnreadable"),
    "another call's answer": (sending(reply(b"\0", "get_all_databases")), "CatalogueUnreadable"),
    "an error": (sending(reply(field(2, 8, struct.pack(">i", 6)) + b"\0", kind=3)), "CatalogueUnreadable"),
    "a name without end": (sending(struct.pack(">HBBi", 0x8001, 0, 2, 2**31 - 1)), "CatalogueUnreadable"),
    "a text of 2 GB": (sending(reply(field(0, 11, struct.pack(">i", 2**31 - 1)))), "ListTooLarge"),
    "a negative text": (sending(reply(field(0, 11, struct.pack(">i", -1)))), "CatalogueUnreadable"),
    "a list of 2 billion": (sending(reply(field(0, 15, struct.pack(">bi", 2, 2**31 - 1)))), "CatalogueUnreadable"),
    "a map of 2 billion": (sending(reply(field(0, 13, struct.pack(">bbi", 2, 2, 2**31 - 1)))), "CatalogueUnreadable"),
    "depth": (sending(reply(DEEP)), "CatalogueUnreadable"),
    "a type that there is not": (sending(reply(field(0, 99, b""))), "CatalogueUnreadable"),
    "a flood": (flood, "ListTooLarge"),
    "nothing at all": (sending(reply(b"\0")), "CatalogueRefused"),
    "a number for a table": (sending(reply(field(0, 8, bytes(4)) + b"\0")), "CatalogueUnreadable"),
    "an exception": (sending(reply(field(1, *record({1: text("5ecret")})) + b"\0")), "CatalogueRefused"),
}


@pytest.mark.parametrize(("harm", "reason"), HARMFUL.values(), ids=HARMFUL.keys())
def test_a_harmful_metastore_costs_its_own_look(harm: Harm, reason: str) -> None:
    """Each is a finding with a reason, within time and bytes; nothing of what it says is passed on."""
    request_seconds = 1.0 if reason == "ListTooSlow" else 60.0
    with harmful(harm) as url, pytest.raises(SourceError) as caught:
        look_up(url, "a.b", silence_seconds=0.5, request_seconds=request_seconds, page_bytes=100_000)
    assert caught.value.reason == reason, str(caught.value)
    assert url in str(caught.value)
    assert "5ecret" not in str(caught.value)


def test_a_look_ends_when_nobody_wants_it() -> None:
    """The connection is shut down under the thread that waits."""
    stop, asked = Cancellation(), threading.Event()

    def wait(connection: socket.socket) -> None:
        asked.set()
        connection.recv(1)

    def cancel() -> None:
        asked.wait()
        stop.cancel()

    with harmful(wait) as url:
        threading.Thread(target=cancel, daemon=True).start()
        with pytest.raises(SourceError) as caught:
            look_up(url, "a.b", stop=stop)
    assert caught.value.reason == "Interrupted"


@pytest.mark.parametrize(
    ("metastore_url", "reason"),
    [
        ("http://m:9083", "CatalogueUnreadable"),
        ("thrift://a:1,thrift://b:1", "CatalogueUnreadable"),
        ("thrift://a:99999", "CatalogueUnreadable"),
        ("m:9083", "CatalogueUnreadable"),
        ("thrift://169.254.169.254:80", "EndpointRefused"),
        ("thrift://127.0.0.1:1", "CatalogueUnreachable"),
    ],
)
def test_an_address_that_is_no_metastores_is_told(metastore_url: str, reason: str) -> None:
    """With the field; and nobody calls where no metastore can be."""
    with pytest.raises(SourceError, match=r"hive\.metastore") as caught:
        look_up(metastore_url, "a.b")
    assert caught.value.reason == reason


def test_tables_in_our_words() -> None:
    """Types that Arrow has, and formats by the class that reads rows."""
    types = {"int": "int32", "STRING": "string", "char(3)": "string", "decimal(38,18)": "decimal128(38, 18)"}
    assert {name: arrow_type(name) for name in types} == types
    assert arrow_type("map<string,int>") == "map<string,int>"
    assert format_of("org.apache.hadoop.hive.serde2.OpenCSVSerde") == "csv"
    assert format_of("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe") == "unknown"
    table = metastore.Table("s3://b/t", tuple((f"c{n}", "x" * 300) for n in range(1500)), (), "", "", {}, 0)
    assert (len(told(table, []).columns), len(told(table, []).columns[0].type)) == (1000, 200)
    assert not_files(table) is None
    for other in (
        replace(table, kind="VIRTUAL_VIEW"),
        replace(table, parameters={"transactional": "TRUE"}),
        replace(table, parameters={"storage_handler": ""}),
    ):
        assert not_files(other)
