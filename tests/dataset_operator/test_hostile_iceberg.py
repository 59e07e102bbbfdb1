"""Iceberg catalogues that mean harm, and what is read of answers: within time, bytes, depth and memory."""

import json
import socket
import threading
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_operator.listing import Budget, Cancellation
from dataset_operator.listing.catalogues import FoundTable, found_table
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.iceberg import IcebergCatalogue, calls
from dataset_operator.listing.iceberg.columns import arrow_type, format_of
from dataset_operator.listing.iceberg.documents import DocumentError, Item, Wanted, read_document
from moorage.errors import SourceError
from moorage.model import Partitions, Snapshot
from moorage.sources.iceberg import IcebergSource
from moorage.sources.s3 import S3Source
from tests.dataset_operator.harmful_catalogues import Answer, catalogue, http, table, table_json

MIB = 1024 * 1024
WITHIN = S3Source("http://s3.test", "lake", "tables")


def look_up(url: str, token: str | None = None, stop: Cancellation | None = None, **changes: Any) -> FoundTable:  # noqa: ANN401 - fields
    """Ask for a table, and see whether it lies where it may."""
    budget = {key: changes.pop(key) for key in ("silence_seconds", "request_seconds", "seconds") if key in changes}
    source = replace(IcebergSource(url, table="a.b", within=WITHIN), **changes)
    bounds = replace(Budget(), **budget)
    return found_table(source, IcebergCatalogue().look_up(source, token, bounds, stop or Cancellation()))


def drip(connection: socket.socket) -> None:
    """A byte now and then, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
    while True:
        connection.sendall(b" ")
        threading.Event().wait(0.05)


def flood(connection: socket.socket) -> None:
    """Chunks without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


HARMFUL: dict[str, tuple[Answer, str]] = {
    "silence": (lambda connection: connection.recv(1), "CatalogueUnreachable"),
    "the end": (lambda _: None, "CatalogueUnreachable"),
    "drops": (drip, "ListTooSlow"),
    "a flood": (flood, "ListTooLarge"),
    "no HTTP": (lambda connection: connection.sendall(b"\x80\x01\0\x02"), "CatalogueUnreachable"),
    "half of it": (http(table()[:200], length=5000), "CatalogueUnreachable"),
    "headers without end": (lambda connection: connection.sendall(b"A: b\r\n" * 100_000), "CatalogueUnreachable"),
    "a redirect": (http(b"", 307, "Location: http://127.0.0.1:1/5ecret"), "CatalogueUnreadable"),
    "an error": (http(b'{"error":{"type":"5ecret"}}', 500), "CatalogueRefused"),
    "no": (http(b'{"error":{"type":"5ecret"}}', 403), "CatalogueRefused"),
    "a page": (http(b"<html>5ecret"), "CatalogueUnreadable"),
    "a page that is not there": (http(b"<html>5ecret", 404), "CatalogueUnreadable"),
    "depth": (http(b'{"metadata":' + b"[" * 100_000), "CatalogueUnreadable"),
    "depth that nobody wants": (http(b'{"other":' + b"[" * 100_000), "CatalogueUnreadable"),
    "values": (http(b'{"other":[' + b"[]," * 2_000_000), "CatalogueUnreadable"),
    "no table": (http(b"{}"), "CatalogueUnreadable"),
    "a list": (http(b"[]"), "CatalogueUnreadable"),
    "two of them": (http(table() * 2), "CatalogueUnreadable"),
    "a number for a place": (http(table(location=7)), "CatalogueUnreadable"),
    "half a character": (http(table(location="s3://lake/tables/\ud800")), "CatalogueUnreadable"),
    "a long place": (http(table(location="s3://lake/tables/" + "x" * 5000)), "CatalogueUnreadable"),
    "a number without end": (http(b'{"metadata":{"current-schema-id":' + b"1" * 100_000), "CatalogueUnreadable"),
    "elsewhere": (http(table(location="s3://salaries/a")), "TableElsewhere"),
    "above": (http(table(location="s3://lake/tables/../salaries")), "TableElsewhere"),
    "a server": (http(table(location="http://127.0.0.1/lake/tables/a")), "TableElsewhere"),
    "metadata elsewhere": (http(table(file="s3://lake/tables/b/m.json")), "TableElsewhere"),
    "rows elsewhere": (http(table(manifests="s3://other/tables/a/m.avro")), "TableElsewhere"),
}


@pytest.mark.parametrize(("harm", "reason"), HARMFUL.values(), ids=HARMFUL.keys())
def test_a_harmful_catalogue_costs_its_own_look(harm: Answer, reason: str) -> None:
    """Each is a finding with a reason, within time and bytes; of what it says, nothing but a place is passed on."""
    request_seconds = 1.0 if reason == "ListTooSlow" else 60.0
    with catalogue(harm) as url, pytest.raises(SourceError) as caught:
        look_up(url, silence_seconds=0.5, request_seconds=request_seconds)
    assert caught.value.reason == reason, str(caught.value)
    assert url in str(caught.value)
    assert "5ecret" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "answer",
    [
        http(b'{"overrides":{"prefix":"../x"}}'),
        http(b'{"overrides":{"prefix":"a b"}}'),
        http(b'{"overrides":{"prefix":"%2e%2e/%2e%2e/tenant-b"}}'),
        http(b'{"overrides":{"prefix":"x/%252E%252e/y"}}'),
        http(b'{"overrides":{"prefix":"a%2fb"}}'),
        http(b'{"overrides":{"prefix":"a%5cb"}}'),
        http(b'{"overrides":{"prefix":"a//b"}}'),
        http(b'{"defaults":{"prefix":"\\r\\n"}}'),
        http(b'{"overrides":{"prefix":"' + b"x" * 513 + b'"}}'),
        http(b" " * 300_000),
        http(b"", 404),
        http(b"", 302),
    ],
)
def test_a_prefix_is_a_part_of_a_path(answer: Answer) -> None:
    """What climbs, or ends the line, is refused."""
    with catalogue(http(table()), settings=answer) as url, pytest.raises(SourceError) as caught:
        look_up(url)
    assert caught.value.reason == "CatalogueUnreadable"


def test_the_token_stays_with_the_catalogue() -> None:
    """Whatever other address an answer names; names are sent as names."""
    asked: list[str] = []
    other: list[str] = []
    with catalogue(http(table()), asked=other) as elsewhere:
        told = json.dumps({"overrides": {"uri": elsewhere, "prefix": "ice/w%3A1|x"}, "defaults": {"token": "other"}})
        with catalogue(http(table()), settings=http(told.encode()), asked=asked) as url:
            found = look_up(url + "/base", "5ecret", table="a b.c/d.e?f", warehouse="x&y=../", snapshot=5)
    assert other == []
    assert found.snapshot == Snapshot(5, "m/1.json", pinned=True)
    config, load = asked
    assert config.startswith("GET /base/v1/config?warehouse=x%26y%3D..%2F HTTP/1.1\r\n")
    path = "/base/v1/ice/w%3A1%7Cx/namespaces/a%20b%1Fc%2Fd/tables/e%3Ff?snapshots=all"
    assert load.startswith(f"GET {path} HTTP/1.1\r\n")
    assert all("Authorization: Bearer 5ecret\r\n" in each for each in asked)
    with catalogue(http(table()), asked=asked) as url:
        look_up(url)
    assert "snapshots=refs" in asked[-1]
    assert "Authorization" not in asked[-1]


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[fe80::1]"])
def test_nobody_calls_where_no_catalogue_can_be(url: str) -> None:
    """With the field."""
    with pytest.raises(SourceError, match=r"iceberg\.catalogue") as caught:
        look_up(url)
    assert caught.value.reason == "EndpointRefused"


def test_a_look_ends_when_nobody_wants_it() -> None:
    """The connection is shut down under the thread that waits."""
    stop, asked = Cancellation(), threading.Event()

    def wait(connection: socket.socket) -> None:
        asked.set()
        connection.recv(1)

    def cancel() -> None:
        asked.wait()
        stop.cancel()

    with catalogue(wait) as url:
        threading.Thread(target=cancel, daemon=True).start()
        with pytest.raises(SourceError) as caught:
            look_up(url, stop=stop)
    assert caught.value.reason == "Interrupted"


# --- large tables ---


def test_a_table_with_a_long_history_is_read_within_its_memory() -> None:
    """Ten thousand snapshots and a thousand schemas of a hundred columns: what is current is kept, and no more."""
    told = table_json()
    first = told["metadata"]["snapshots"][0]
    filler = {"summary": {f"k{number}": "v" * 10 for number in range(15)}}
    told["metadata"]["snapshots"] = [{**first, "snapshot-id": number, **filler} for number in range(10_000)]
    columns = [{"id": number, "name": f"c{number}", "required": False, "type": "long"} for number in range(100)]
    told["metadata"]["schemas"] = [{"type": "struct", "fields": columns, "schema-id": n} for n in range(500)]
    told["metadata"]["current-schema-id"] = 499
    body = json.dumps(told, separators=(",", ":")).encode()
    assert 5 * MIB < len(body) < calls.MOST_ANSWER_BYTES
    with catalogue(http(body)) as url:
        tracemalloc.start()
        try:
            found = look_up(url, snapshot=9_999)
            _, most_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert found.snapshot == Snapshot(9_999, "m/1.json", pinned=True)
    assert len(found.told.columns) == 100
    assert most_bytes < 2 * calls.MOST_ANSWER_BYTES + 16 * MIB  # the answer, as it comes; what is held


@pytest.mark.parametrize("field", ["current-snapshot-id", "current-schema-id"])
def test_an_id_that_no_status_could_hold_is_refused(field: str) -> None:
    """Of 64 bits, as Iceberg has them; a status with another would not be written at all."""
    told = table_json()
    told["metadata"][field] = 2**63
    with catalogue(http(json.dumps(told).encode())) as url, pytest.raises(SourceError) as caught:
        look_up(url)
    assert caught.value.reason == "CatalogueUnreadable"


def test_columns_are_shown_as_far_as_a_status_holds_them() -> None:
    """A thousand, with short names and types."""
    column = {"name": "n" * 4000, "required": True, "type": "struct"}
    fields = [{**column, "id": number} for number in range(1500)]
    with catalogue(http(table(fields=fields))) as url:
        shown = look_up(url).told.columns
    assert (len(shown), len(shown[0].name), shown[0].nullable) == (1000, 253, False)
    with catalogue(http(table(fields=fields * 3))) as url, pytest.raises(SourceError) as caught:
        look_up(url)
    assert caught.value.reason == "ListTooLarge"


def test_an_answer_that_is_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what makes it shorter."""
    monkeypatch.setattr(calls, "MOST_ANSWER_BYTES", 300)
    with catalogue(http(table())) as url, pytest.raises(SourceError, match="expire old snapshots") as caught:
        look_up(url)
    assert caught.value.reason == "ListTooLarge"


# --- what is read ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(JSON, st.sampled_from([None, 1]))
def test_all_of_a_text_is_what_python_reads(value: Any, indent: int | None) -> None:  # noqa: ANN401 - JSON
    """Where all is wanted; and what is not is left out."""
    for ascii_only in (True, False):
        body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
        assert read_document(body, None, Allowance("t")) == value
        wrapped = b'{"other": ' + body + b', "list": [' + body + b', {"a": 1, "b": 2}], "wanted": ' + body + b"}"
        kept = read_document(wrapped, {"wanted": None, "list": Item(1, {"a": None})}, Allowance("t"))
        assert kept == {"list": [{"a": 1}], "wanted": value}


@settings(max_examples=300)
@given(JSON, st.data())
def test_whatever_comes_is_read_or_refused(value: Any, data: st.DataObject) -> None:  # noqa: ANN401 - JSON
    """A text that was cut or spoilt raises nothing else."""
    body = bytearray(json.dumps({"a": value, "b": [value]}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    wishes: list[Wanted] = [None, {}, {"a": {}}, {"b": Item(0, None)}]
    for wanted in wishes:
        with suppress(DocumentError):
            read_document(cut, wanted, Allowance("t"))


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a"}', b"{1:2}", b"[1 2]", b'{"a":1 "b":2}', b"01", b"]", b"[,]", b'"\xff"']
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Where it is wanted."""
    with pytest.raises(DocumentError):
        read_document(body, None, Allowance("t"))


def test_what_is_held_is_bounded() -> None:
    """Before it is made."""
    with pytest.raises(SourceError) as caught:
        read_document(b"[" + b"[]," * 100_000 + b"[]]", None, Allowance("t", held_bytes=MIB))
    assert caught.value.reason == "ListTooLarge"


def test_types_and_partitions_in_our_words() -> None:
    """As Arrow calls them; what is nested is shown as far as a status holds it."""
    types = {"long": "int64", "decimal(9, 2)": "decimal128(9, 2)", "fixed[16]": "fixed_size_binary[16]", "new": "new"}
    assert {name: arrow_type(name) for name in types} == types
    pair = {"type": "struct", "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": "date"}]}
    nested = {"type": "map", "key": "string", "value": {"type": "list", "element": pair}}
    assert arrow_type(nested) == "map<string, list<struct<x: int32, y: date32[day]>>>"
    assert len(arrow_type({"type": "struct", "fields": [{"name": "x" * 300, "type": "int"}] * 1000})) == 201
    assert arrow_type(7) == arrow_type({"type": "odd"}) == ""
    assert format_of({}) == format_of({"write.format.default": "PARQUET"}) == "parquet"
    assert format_of({"write.format.default": "orc"}) == "unknown"
    spec = [
        {"source-id": 1, "name": "a_day", "transform": "day"},
        {"source-id": 1, "name": "b", "transform": "identity"},
    ]
    spec += [{"source-id": 9, "name": "gone", "transform": "void"}, {"source-id": 9, "name": "odd", "transform": "x"}]
    with catalogue(http(table(spec=spec))) as url:
        assert look_up(url).told.partitions == Partitions(("day(id)", "id", "x(odd)"), None)
