"""Tables of a real Iceberg REST catalogue, written by Iceberg's own client, as Datasets."""

import base64
import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dataset_operator.listing import Budget, Cancellation
from dataset_operator.listing.catalogues import FoundTable, found_table
from dataset_operator.listing.iceberg import IcebergCatalogue
from moorage.errors import SourceError
from moorage.model import Column, Partitions, Snapshot
from moorage.serving.certificates import make_authority, make_leaf
from moorage.sources.iceberg import IcebergSource
from moorage.sources.s3 import S3Source
from tests.dataset_operator.conftest import secret
from tests.dataset_operator.iceberg_catalogues import BUCKET, Lake, run_lake
from tests.dataset_operator.test_operator import Raw, dataset, ready, status_when
from tests.world import World, eventually

COLUMNS = (
    Column("id", "int64", nullable=False),
    Column("at", "timestamp[us, tz=UTC]"),
    Column("price", "decimal128(10, 2)"),
    Column("tags", "list<string>"),
)


def source_of(lake: Lake, table: str, **changes: Any) -> IcebergSource:  # noqa: ANN401 - fields
    """A table within the whole bucket."""
    within = S3Source(lake.store.endpoint, BUCKET)
    return replace(IcebergSource(lake.url, table=table, within=within, warehouse=f"s3://{BUCKET}"), **changes)


def look_up(source: IcebergSource, token: str | None = None) -> FoundTable:
    """Ask for a table, and see whether it lies where it may."""
    return found_table(source, IcebergCatalogue().look_up(source, token, Budget(), Cancellation()))


def test_a_table_is_read_from_a_real_catalogue(lake: Lake) -> None:
    """Folder, columns, what it is partitioned by, and the current snapshot, with each change."""
    lake.create("sales.orders", partitioned=True)
    source = source_of(lake, "sales.orders")
    empty = look_up(source)
    assert (empty.found.folder, empty.told.format, empty.told.columns) == ("sales/orders", "parquet", COLUMNS)
    assert empty.told.partitions == Partitions(("day(at)", "bucket[4](id)"), None)
    assert empty.snapshot is not None
    assert (empty.snapshot.id, empty.snapshot.pinned) == (None, False)

    first = lake.do("append", "sales.orders", ids=[1, 2])
    found = look_up(source)
    file = first["metadata"].removeprefix(f"s3://{BUCKET}/sales/orders/")
    assert found.snapshot == Snapshot(first["snapshot"], file)
    lake.do("add_column", "sales.orders", column="note")
    second = lake.append("sales.orders", 3)
    found = look_up(source)
    assert found.snapshot is not None
    assert (found.snapshot.id, found.told.columns) == (second, (*COLUMNS, Column("note", "string")))

    pinned = look_up(replace(source, snapshot=first["snapshot"]))
    assert pinned.snapshot is not None
    assert (pinned.snapshot.id, pinned.snapshot.pinned) == (first["snapshot"], True)
    assert pinned.told.columns == COLUMNS  # as of then
    assert pinned.snapshot.metadata == found.snapshot.metadata


def test_what_a_pinned_reader_is_told_leads_to_its_rows(lake: Lake, tmp_path: Path) -> None:
    """With the folder alone, the metadata file and the snapshot's id, Iceberg's own client reads those rows."""
    location = lake.create("sales.pinned")
    first = lake.append("sales.pinned", 1, 2)
    second = lake.append("sales.pinned", 3)
    found = look_up(source_of(lake, "sales.pinned", snapshot=first))
    assert found.snapshot is not None
    lake.download("sales/pinned", tmp_path)
    at = str(tmp_path)

    def ids(snapshot: int | None) -> list[int]:
        assert found.snapshot is not None
        more = {"location": location, "mounted_at": at, "snapshot": snapshot}
        return list(lake.do("read", f"{at}/{found.snapshot.metadata}", **more))

    assert ids(found.snapshot.id) == [1, 2]
    assert ids(second) == [1, 2, 3]


def test_a_snapshot_that_is_gone_is_told(lake: Lake) -> None:
    """Nobody gets the newest instead; what there never was is told in the same way."""
    lake.create("sales.expiring")
    first, second = lake.append("sales.expiring", 1), lake.append("sales.expiring", 2)
    source = source_of(lake, "sales.expiring", snapshot=first)
    look_up(source)
    lake.do("expire", "sales.expiring", snapshot=first)
    for snapshot in (first, 7):
        with pytest.raises(SourceError, match=f"its current one is {second}: correct iceberg.snapshot") as caught:
            look_up(replace(source, snapshot=snapshot))
        assert caught.value.reason == "SnapshotNotFound"


@pytest.mark.parametrize("table", ["sales.absent", "absent.t", "a.b.c"])
def test_what_is_not_there_is_told(lake: Lake, table: str) -> None:
    """A table, its namespace, a namespace within another."""
    with pytest.raises(SourceError, match="there is no such table: create it") as caught:
        look_up(source_of(lake, table))
    assert caught.value.reason == "TableNotFound"


def test_a_table_elsewhere_is_not_served(lake: Lake) -> None:
    """Outside `within`, or with a part outside the folder that pods see."""
    lake.create("sales.elsewhere")
    lake.create("sales.spread", properties={"write.data.path": f"s3://{BUCKET}/other"})
    inner = S3Source(lake.store.endpoint, BUCKET, "salaries")
    for source, told in (
        (source_of(lake, "sales.elsewhere", within=inner), "outside .*: correct iceberg.within"),
        (source_of(lake, "sales.spread"), "part 'write.data.path' lies at 's3://lake/other'"),
    ):
        with pytest.raises(SourceError, match=told) as caught:
            look_up(source)
        assert caught.value.reason == "TableElsewhere"


def within(lake: Lake) -> Raw:
    """The bucket with its keys, as a spec has it."""
    return {"s3": {"endpoint": lake.store.endpoint, "bucket": BUCKET, "secretRef": {"name": "keys"}}}


def status_of(world: World, name: str) -> Raw:
    """A Dataset's status now."""
    status: Raw = world.get("dataset", name, world.steward)["status"]
    return status


def test_a_table_is_a_dataset(world: World, operator: object, lake: Lake) -> None:
    """Its version changes with each snapshot; a Dataset that pins one stays as it is, until that one is gone."""
    del operator
    lake.create("sales.live", partitioned=True)
    first = lake.append("sales.live", 1)
    iceberg = {"catalogue": lake.url, "warehouse": f"s3://{BUCKET}", "table": "sales.live", "within": within(lake)}
    world.apply(dataset(world, "live", {"site": world.eu, "iceberg": iceberg}))
    world.apply(dataset(world, "pinned", {"site": world.eu, "iceberg": {**iceberg, "snapshot": first}}))
    live, pinned = status_when(world, "live", "Ready"), status_when(world, "pinned", "Ready")
    assert [column["type"] for column in live["schema"]] == [column.type for column in COLUMNS]
    assert (live["format"], live["sources"][0]["found"]["folder"]) == ("parquet", "sales/live")
    assert live["partitions"] == {"by": ["day(at)", "bucket[4](id)"], "last": []}
    assert ready(live)["message"].endswith("parquet; partitioned by day(at), bucket[4](id)")
    assert (live["snapshot"]["id"], live["snapshot"]["pinned"]) == (first, False)
    assert pinned["snapshot"] == {**live["snapshot"], "pinned": True}
    assert pinned["version"] != live["version"]

    second = lake.append("sales.live", 2)

    def changed(name: str, key: str, old: Raw) -> Raw | None:
        status = status_of(world, name)
        return status if status[key] != old[key] else None

    later = eventually(lambda: changed("live", "snapshot", live))
    assert (later["snapshot"]["id"], later["version"] != live["version"]) == (second, True)
    seen = eventually(lambda: changed("pinned", "objects", pinned))
    assert (seen["version"], seen["snapshot"]["id"]) == (pinned["version"], first)
    assert seen["snapshot"]["metadata"] == later["snapshot"]["metadata"]

    lake.do("expire", "sales.live", snapshot=first)
    gone = status_when(world, "pinned", "SnapshotNotFound")
    assert "found" not in gone["sources"][0]
    assert f"its current one is {second}" in ready(gone)["message"]
    assert ready(status_of(world, "live"))["status"] == "True"


# --- a catalogue that wants a token ---


@contextmanager
def over_tls(url: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The same server behind TLS: its URL, and who signed its certificate."""
    now = datetime.now(tz=UTC)
    authority = make_authority("nobody", now, timedelta(days=1))
    leaf = make_leaf(authority, ("127.0.0.1",), now, timedelta(days=1))
    (folder / "tls.crt").write_bytes(leaf.certificate.pem)
    (folder / "tls.key").write_bytes(leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    place = "127.0.0.1", int(url.rpartition(":")[2])

    def answer(raw: socket.socket) -> None:
        """One request, whose client ends it: a server gives one up whose client seems to be gone."""
        with suppress(OSError), contextlib.ExitStack() as open_ones:
            open_ones.enter_context(raw)
            front = open_ones.enter_context(context.wrap_socket(raw, server_side=True))
            back = open_ones.enter_context(socket.create_connection(place))
            back.sendall(front.recv(65536))
            while front not in select.select([front, back], [], [])[0] and (piece := back.recv(65536)):
                front.sendall(piece)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=answer, args=(raw,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", authority.certificate.pem.decode()


def test_a_token_goes_to_the_catalogue_that_its_secret_names(
    world: World, operator: object, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """And to no other; without one, or with a wrong one, the status says what to do, and never the token."""
    del operator
    with (
        run_lake(tmp_path_factory.mktemp("closed"), anonymous=False) as lake,
        over_tls(lake.url, tmp_path) as (url, ca),
    ):
        lake.create("sales.closed")
        lake.append("sales.closed", 1)
        token = lake.token()
        world.apply(secret(world, "fine", {"catalogueToken": token + "\n", "catalogueURL": f"{url}/"}))
        world.apply(secret(world, "wrong", {"catalogueToken": token[:-9], "catalogueURL": url}))
        world.apply(secret(world, "others", {"catalogueToken": token, "catalogueURL": "https://catalogue.test"}))
        world.apply(secret(world, "account", {"token": token}))
        iceberg = {"catalogue": url, "warehouse": f"s3://{BUCKET}", "table": "sales.closed", "within": within(lake)}
        iceberg["caBundle"] = base64.b64encode(ca.encode()).decode()
        told = {}
        for name in ("fine", "wrong", "others", "account", "absent"):
            reference = {"secretRef": {"name": name}}
            world.apply(dataset(world, f"closed-{name}", {"site": world.eu, "iceberg": {**iceberg, **reference}}))
        world.apply(dataset(world, "closed-none", {"site": world.eu, "iceberg": iceberg}))
        for name in ("wrong", "others", "account", "absent", "none"):
            told[name] = ready(status_when(world, f"closed-{name}", "CatalogueRefused"))["message"]
        status_when(world, "closed-fine", "Ready")
        text = str(world.get("dataset", "closed-fine", world.steward)) + str(told)
    assert "the token is not accepted: renew it" in told["wrong"]
    assert "its catalogueURL is another than the Dataset's" in told["others"]
    assert "has no catalogueToken and no catalogueURL: add it" in told["account"]
    assert "does not exist: create it with the keys catalogueToken and catalogueURL" in told["absent"]
    assert "it wants a token: give one in the Secret that iceberg.secretRef names" in told["none"]
    assert token[:-9] not in text
