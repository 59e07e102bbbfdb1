"""Formats by name and by look, columns of real files, and what is told of files that are none."""

import contextlib
import gzip
import io
from collections.abc import Callable, Iterator
from typing import Self, cast

import pyarrow as pa
import pyarrow.feather as pa_feather
import pyarrow.ipc as pa_ipc
import pyarrow.parquet as pa_parquet
import pytest

from dataset_operator.listing import Folder, Listing
from dataset_operator.listing.names import format_of_kinds
from dataset_operator.listing.tally import Sample
from dataset_operator.tables import Format, TableLook, kind_of_name
from dataset_operator.tables.excerpt import Blob, excerpt_of
from moorage.errors import SourceError
from moorage.model import Column
from tests.dataset_operator.parsing import looked_into
from tests.dataset_operator.stores import STRANGER, Store, listed

TABLE = pa.table({"id": [1, 2], "name": ["x", "y"], "share": pa.array([1.5, None])})
COLUMNS = (Column("id", "int64"), Column("name", "string"), Column("share", "double"))
CSV = b"id,name,share\n1,x,1.5\n2,y,\n"
JSONL = b'{"id":1,"name":"x","share":1.5}\n{"id":2,"name":"y","share":null}\n'


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    """The bytes that a writer makes."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def stream(file: io.BytesIO) -> None:
    """Write an Arrow stream, which has no footer."""
    with pa_ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


PARQUET = written(lambda file: pa_parquet.write_table(TABLE, file))
ARROW = written(lambda file: pa_feather.write_feather(TABLE, file))


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("part-0.parquet", "parquet"),
        ("year=2024/PART.PQ", "parquet"),
        ("a.csv", "csv"),
        ("a.tsv.gz", "csv"),
        ("a.ndjson", "jsonl"),
        ("a.json", "json"),
        ("a.feather", "arrow"),
        ("README.md", "other"),
        ("a.tar.gz", "other"),
        ("noextension", "other"),
        ("_SUCCESS", None),
        ("x/_delta_log/0.json", None),
        (".part-0.parquet.crc", None),
        ("folder/", None),
        ("", None),
    ],
)
def test_names_tell_kinds(key: str, kind: str | None) -> None:
    """Data, companions and what is no data are told apart by name."""
    assert kind_of_name(key.encode(), 0) == kind


@pytest.mark.parametrize(
    ("kinds", "form", "looked_at"),
    [
        ({"parquet"}, Format.PARQUET, "parquet"),
        ({"parquet", "other", "json"}, Format.PARQUET, "parquet"),
        ({"parquet", "csv"}, Format.MIXED, None),
        ({"json", "other"}, Format.UNKNOWN, "json"),
        ({"other"}, Format.UNKNOWN, "other"),
        (set(), Format.UNKNOWN, None),
    ],
)
def test_kinds_tell_the_format(kinds: set[str], form: Format, looked_at: str | None) -> None:
    """A README does not make a table mixed; two tabular formats do."""
    assert format_of_kinds(kinds) == (form, looked_at)


@pytest.mark.parametrize(
    ("key", "body", "form"),
    [
        ("a.parquet", PARQUET, "parquet"),
        ("a.csv", CSV, "csv"),
        ("a.csv.gz", gzip.compress(CSV, mtime=0), "csv"),
        ("a.tsv", CSV.replace(b",", b"\t"), "csv"),
        ("a.jsonl", JSONL, "jsonl"),
        ("a.json", JSONL, "jsonl"),
        ("a.jsonl.gz", gzip.compress(JSONL, mtime=0), "jsonl"),
        ("a.feather", ARROW, "arrow"),
        ("a.arrows", written(stream), "arrow"),
        ("no-name", PARQUET, "parquet"),
        ("no-name", ARROW, "arrow"),
    ],
)
def test_columns_of_real_files(store: Store, key: str, body: bytes, form: str) -> None:
    """Every format gives the same columns, read from a real store."""
    folder = f"tables/{form}-{key}"
    store.put({f"{folder}/{key}": body})
    access = store.access(folder)
    assert looked_into(access, listed(access)) == TableLook(Format(form), COLUMNS)


@pytest.mark.parametrize("body", [b"\x00\x01\x02 nothing known", b"", b'{\n  "pretty": [1]\n}\n', b"[1, 2]"])
def test_opaque_files_are_no_error(store: Store, body: bytes) -> None:
    """What is no table is `unknown`, not a failure."""
    key = f"opaque/{len(body)}/thing.json" if body.startswith((b"{", b"[")) else f"opaque/{len(body)}/thing"
    store.put({key: body})
    access = store.access(key.rpartition("/")[0])
    assert looked_into(access, listed(access)) == TableLook(Format.UNKNOWN)


@pytest.mark.parametrize(
    ("key", "body", "told"),
    [
        ("a.parquet", b"this is no parquet file at all", "is not a Parquet file"),
        ("a.parquet", b"PAR1", "is not a Parquet file"),
        ("a.parquet", b"", "is empty"),
        ("a.parquet", PARQUET[:-8] + b"\xff\xff\xff\x7fPAR1", "has a footer of 2147483647 bytes"),
        ("a.parquet", PARQUET[:4] + b"\0" * (len(PARQUET) - 12) + PARQUET[-8:], "is not a Parquet file"),
        ("a.feather", b"FEA1 and so on, an old file", "is a Feather file of version 1"),
        ("a.arrow", b"ARROW1\0\0 and nothing", "is not an Arrow IPC file"),
        ("a.csv", b"a,b\n1,2,3\n", "is not a CSV file"),
        ("a.csv", b"\xff\xfe\x00\x01\n", "is not a CSV file"),
        ("a.csv", b"x" * 300_000, "has no line end"),
        ("a.jsonl", b"{'a': 1}\n", "is not a file of JSON lines"),
    ],
)
def test_files_that_are_not_what_their_name_says(key: str, body: bytes, told: str) -> None:
    """The reason is told in words that complete `<key> ...`."""
    kind = kind_of_name(key.encode(), len(body))
    assert kind is not None
    listing = Listing("", "", 1, len(body), {kind: (Sample(key, len(body)),)})
    look = looked_into(cast("Folder", _InMemory(body)), listing)
    assert look.problem.startswith(f"{key} {told}")
    assert look.problem.endswith(f": replace it, or give it a name without .{look.format}")


class _InMemory:
    """A folder of one object."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @contextlib.contextmanager
    def reader(self) -> Iterator[Self]:
        yield self

    def open(self, key: str, size_bytes: int) -> io.BytesIO:  # noqa: ARG002 - the protocol's
        return io.BytesIO(self._body)


def test_a_broken_file_is_named_with_a_remedy(store: Store) -> None:
    """The status names the key and what to do."""
    store.put({"broken/a.parquet": PARQUET, "broken/b.parquet": b"oh no, not a table"})
    access = store.access("broken")
    look = looked_into(access, listed(access))
    assert look.problem == "b.parquet is not a Parquet file: replace it, or give it a name without .parquet"


def test_other_columns_are_noted(store: Store) -> None:
    """A file with other columns is told of; the data stays readable."""
    other = written(lambda file: pa_parquet.write_table(pa.table({"z": [1]}), file))
    store.put({"evolved/a.parquet": PARQUET, "evolved/b.parquet": other})
    access = store.access("evolved")
    look = looked_into(access, listed(access))
    assert (look.columns, look.problem) == (COLUMNS, "")
    assert "b.parquet has other columns than a.parquet" in look.note


def test_only_a_few_bytes_are_read() -> None:
    """A large object costs its footer, not its size."""
    big = pa.table({"x": pa.array(range(2_000_000))})
    body = written(lambda file: pa_parquet.write_table(big, file, compression="none", use_dictionary=False))
    read: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            read.append(len(data))
            return data

    excerpt = excerpt_of(Blob("big.parquet", len(body), lambda: Counted(body)), Format.PARQUET)
    assert len(excerpt.fetch()) == excerpt.size_bytes
    assert sum(read) < 100_000 < len(body)


def test_who_may_not_read_is_told_so(store: Store) -> None:
    """A store that lists but does not give objects out: AccessDenied, from s3fs as from boto3."""
    store.put({"closed/a.parquet": PARQUET})
    listing = listed(store.access("closed"))
    with pytest.raises(SourceError) as caught:
        looked_into(store.access("closed", STRANGER), listing)
    assert caught.value.reason == "AccessDenied"
