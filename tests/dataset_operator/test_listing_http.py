"""Folders and files behind a web server as the operator lists them: version, format, columns, and what is wrong."""

import hashlib
import io
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from dataset_operator.listing import Budget, Cancellation, list_folder, lister_of
from moorage.errors import SourceError
from moorage.sources.http import HttpSource
from tests.calling.test_web_folders import drip_page
from tests.dataset_operator.hostile import hostile_store
from tests.dataset_operator.parsing import looked_into
from tests.web_server import serve_folder


def parquet() -> bytes:
    """A real file."""
    file = io.BytesIO()
    pa_parquet.write_table(pa.table({"id": [1, 2], "note": ["a", "b"]}), file)
    return file.getvalue()


def test_version_format_and_columns(tmp_path: Path) -> None:
    """The version is that of the semantics over names, sizes and the server's own validators; columns are read."""
    for key in ("b/part-1.parquet", "a-1.parquet", "b.parquet"):
        (tmp_path / key).parent.mkdir(exist_ok=True)
        (tmp_path / key).write_bytes(parquet())
    with serve_folder(tmp_path) as url:
        place = HttpSource(url)
        lister = lister_of(place)
        assert lister is not None
        folder = lister.folder(place, None, Budget(), Cancellation())
        with folder.pages() as pages:
            entries = sorted(entry for page in pages for entry in page)
        listing = list_folder(folder, Budget(), Cancellation())
        table = looked_into(folder, listing)
    text = b"".join(b"%b\0%d\0%b\n" % (key, size_bytes, etag.encode()) for key, size_bytes, etag in entries)
    assert (listing.version, listing.objects) == (hashlib.sha256(text).hexdigest(), 3)
    assert [key for key, _, _ in entries] == [b"a-1.parquet", b"b.parquet", b"b/part-1.parquet"]
    assert (table.format, [column.name for column in table.columns]) == ("parquet", ["id", "note"])


def test_a_single_file_is_a_dataset_of_one_object(tmp_path: Path) -> None:
    """By its name; its columns are read, and its version is another when it changes."""
    versions = []
    with serve_folder(tmp_path) as url:
        place = HttpSource(f"{url}claims.parquet?token=5ecret")
        lister = lister_of(place)
        assert lister is not None
        folder = lister.folder(place, None, Budget(), Cancellation())
        for body in (parquet(), parquet() + b"x"):
            (tmp_path / "claims.parquet").write_bytes(body)
            listing = list_folder(folder, Budget(), Cancellation())
            assert (listing.objects, listing.size_bytes) == (1, len(body))
            versions.append(listing.version)
            if len(versions) == 1:
                table = looked_into(folder, listing)
                assert (table.format, [column.name for column in table.columns]) == ("parquet", ["id", "note"])
        (tmp_path / "claims.parquet").unlink()
        with pytest.raises(SourceError, match="is not there") as caught:
            list_folder(folder, Budget(), Cancellation())
    assert versions[0] != versions[1]
    assert "5ecret" not in str(caught.value)


def test_an_archive_is_one_object_and_is_not_looked_into(tmp_path: Path) -> None:
    """Though its name says that it is a table; and it is other data than the file that it is."""
    (tmp_path / "claims.csv").write_bytes(b"x,y\n1,2\n")
    with serve_folder(tmp_path) as url:
        listings = []
        for place in (HttpSource(f"{url}claims.csv"), HttpSource(f"{url}claims.csv", extract=True)):
            lister = lister_of(place)
            assert lister is not None
            folder = lister.folder(place, None, Budget(), Cancellation())
            listings.append((lister.identity(place), list_folder(folder, Budget(), Cancellation())))
        table = looked_into(folder, listings[1][1])
    (file, listed), (archive, unpacked) = listings
    assert (unpacked.objects, unpacked.size_bytes) == (1, 8)
    assert (table.format, table.columns, table.problem) == ("unknown", (), "")
    assert file != archive
    assert listed.version != unpacked.version


def test_it_is_given_up_when_nobody_wants_it() -> None:
    """Whoever waits for a byte wakes up."""
    stop = Cancellation()
    with hostile_store(drip_page) as server:
        place = HttpSource(f"{server.endpoint}/data/")
        lister = lister_of(place)
        assert lister is not None
        timer = threading.Timer(0.5, stop.cancel)
        timer.start()
        with pytest.raises(SourceError) as caught:
            list_folder(lister.folder(place, None, Budget(), stop), Budget(), stop)
        timer.join()
    assert caught.value.reason == "Interrupted"


def test_nobody_answers_there() -> None:
    """It says where to look."""
    place = HttpSource("http://127.0.0.1:9/data/")
    lister = lister_of(place)
    assert lister is not None
    with pytest.raises(SourceError, match=r"check http\.url, and that the cluster can reach it") as caught:
        list_folder(lister.folder(place, None, Budget(), Cancellation()), Budget(), Cancellation())
    assert caught.value.reason == "EndpointUnreachable"
