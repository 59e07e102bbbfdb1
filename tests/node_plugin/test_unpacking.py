"""Archives of any kind and intent: what comes out lies in the folder, within bounds, or nothing is kept."""

import bz2
import gzip
import io
import os
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node_plugin.filler.members import ArchiveError, Kind, Layout, Member
from node_plugin.filler.unpacking import Contents, Limits, unpack

FILES = {"a.csv": b"x,y\n" * 1000, "deep/er/bü.bin": bytes(range(256)) * 5000, "empty": b""}
LIMITS = Limits(most_objects=100, most_bytes=100 << 20)


def tar_of(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar with these."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        for info, body in members:
            info.size = len(body) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """A member's head."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode, made.mtime = kind, target, mode, 1796000523
    return made


def tar_of_files(files: dict[str, bytes]) -> bytes:
    """As `tar -C folder .` makes it."""
    return tar_of((info("./", tarfile.DIRTYPE), b""), *((info(f"./{name}"), body) for name, body in files.items()))


def zstd(body: bytes, **parameters: int) -> bytes:
    """As `zstd` packs it, with a sum at its end."""
    how = zstandard.ZstdCompressionParameters.from_level(3, write_checksum=1, **parameters)
    packing = zstandard.ZstdCompressor(compression_params=how).compressobj()
    return packing.compress(body) + packing.flush()


def dictionary() -> bytes:
    """An archive that can't be unpacked without something else."""
    trained = zstandard.train_dictionary(2048, [f"{number} of many".encode() * 20 for number in range(200)])
    return zstandard.ZstdCompressor(dict_data=trained).compress(tar_of_files(FILES))


SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0any"
"""A frame that says nothing of the archive."""


def zip_of(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as made:
        for name, body in files.items():
            made.writestr(name, body)
    return packed.getvalue()


def unpacked(folder: Path, archive: bytes, limits: Limits = LIMITS) -> Contents:
    """Into `folder/objects`; beside it lies what nobody may touch."""
    (folder / "objects").mkdir(parents=True)
    (folder / "beside").write_bytes(b"mine")
    (folder / "archive").write_bytes(archive)
    try:
        return unpack(str(folder / "archive"), str(folder / "objects"), limits, lambda _: None)
    finally:
        assert (folder / "beside").read_bytes() == b"mine"
        assert {path.name for path in folder.iterdir()} == {"objects", "beside", "archive"}
        check_inside(folder / "objects")


def check_inside(root: Path) -> None:
    """No link leads out, nothing is special or set-id, whatever happened."""
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        assert stat.S_ISLNK(mode) or not mode & 0o7022
        if stat.S_ISLNK(mode):
            assert Path(os.path.realpath(path)).is_relative_to(root.resolve())
        if stat.S_ISREG(mode):
            assert mode & 0o777 in {0o444, 0o600}


def files_in(root: Path) -> dict[str, bytes]:
    """What a reader sees."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def named(value: object) -> str | None:
    """The name of a test's parameter: of an archive, which holds the time at which it was made, none of its bytes."""
    return "archive" if isinstance(value, bytes) else None


@pytest.mark.parametrize(
    "archive",
    [
        tar_of_files(FILES),
        gzip.compress(tar_of_files(FILES)),
        gzip.compress(tar_of_files(FILES)[:3000]) + gzip.compress(tar_of_files(FILES)[3000:]),
        bz2.compress(tar_of_files(FILES)),
        zstd(tar_of_files(FILES)),
        zstd(tar_of_files(FILES)[:3000]) + SKIPPED + zstd(b"") + zstd(tar_of_files(FILES)[3000:]),
        tar_of(*((info(name), body) for name, body in FILES.items()), form=tarfile.GNU_FORMAT),
        zip_of(FILES),
        zip_of(FILES, zipfile.ZIP_STORED),
    ],
    ids=["tar", "tar.gz", "tar.gz in parts", "tar.bz2", "tar.zst", "tar.zst in parts", "GNU tar", "zip", "stored zip"],
)
def test_every_file_comes_out_as_it_went_in(archive: bytes, tmp_path: Path) -> None:
    """Read-only, in its folders; objects and bytes are counted."""
    assert unpacked(tmp_path, archive) == Contents(3, sum(map(len, FILES.values())))
    assert files_in(tmp_path / "objects") == FILES
    assert stat.S_IMODE((tmp_path / "objects" / "a.csv").stat().st_mode) == 0o444


def test_times_are_kept_and_rights_are_not(tmp_path: Path) -> None:
    """A file that asks to run as its owner is a file."""
    unpacked(tmp_path, tar_of((info("a", mode=0o6777), b"x")))
    found = (tmp_path / "objects" / "a").stat()
    assert (stat.S_IMODE(found.st_mode), int(found.st_mtime)) == (0o444, 1796000523)


def test_links_within_are_kept(tmp_path: Path) -> None:
    """Symbolic ones, before and after what they lead to, and hard ones."""
    archive = tar_of(
        (info("latest", tarfile.SYMTYPE, "v1"), b""),
        (info("v1/a"), b"one"),
        (info("v1/same", tarfile.LNKTYPE, "./v1/a"), b""),
        (info("v1/up", tarfile.SYMTYPE, "../v1/a"), b""),
    )
    assert unpacked(tmp_path, archive) == Contents(4, 3)
    assert files_in(tmp_path / "objects") == {"v1/a": b"one", "v1/same": b"one", "v1/up": b"one"}
    assert (tmp_path / "objects" / "latest" / "a").read_bytes() == b"one"


SPECIAL = [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([(info("/etc/x"), b"x")], "absolute name"),
        ([(info("../beside"), b"x")], "leads out"),
        ([(info("a/../../beside"), b"x")], "leads out"),
        ([(info("a\nb"), b"x")], "control characters"),
        ([(info("a\x1b[2J"), b"x")], "control characters"),
        ([(info("a"), b"x"), (info("./a"), b"y")], "twice"),
        ([(info("a"), b"x"), (info("a/b"), b"y")], "at once"),
        ([(info("a/b"), b"x"), (info("a"), b"y")], "twice"),
        ([(info("x" * 256), b"x")], "longer than a file's name"),
        ([(info("d/" * 129 + "x"), b"x")], "deeper"),
        ([(info("l", tarfile.SYMTYPE, "/etc/passwd"), b"")], "may lead out"),
        ([(info("l", tarfile.SYMTYPE, "../beside"), b"")], "may lead out"),
        ([(info("d/l", tarfile.SYMTYPE, "../../beside"), b"")], "may lead out"),
        ([(info("d/up", tarfile.SYMTYPE, ".."), b""), (info("l", tarfile.SYMTYPE, "d/up/../beside"), b"")], "lead out"),
        ([(info("l", tarfile.SYMTYPE, ".."), b""), (info("l/beside"), b"x")], "may lead out"),
        ([(info("d", tarfile.SYMTYPE, "e"), b""), (info("d/x"), b"x")], "at once"),
        ([(info("h", tarfile.LNKTYPE, "../beside"), b"")], "leads out"),
        ([(info("h", tarfile.LNKTYPE, "absent"), b"")], "which is no file before it"),
        (
            [(info("s", tarfile.SYMTYPE, "x"), b""), (info("h", tarfile.LNKTYPE, "s"), b"")],
            "which is no file before it",
        ),
        *(([(info("dev", kind), b"")], "is a device, a pipe or a socket") for kind in SPECIAL),
        ([(info("d", tarfile.DIRTYPE), b"")], "holds no file"),
        ([(info(f"f{number}"), b"") for number in range(101)], "more than 100 files"),
        ([(info(f"{number}/" * 60 + "f"), b"") for number in range(2)], "more than 100 files"),
    ],
)
def test_hostile_tars_are_refused(members: list[tuple[tarfile.TarInfo, bytes]], told: str, tmp_path: Path) -> None:
    """With a sentence, and nothing outside the folder."""
    with pytest.raises(ArchiveError, match=told) as caught:
        unpacked(tmp_path, tar_of(*members))
    assert str(caught.value).isprintable()


def zip_with(name: str, body: bytes, mode: int) -> bytes:
    """A zip whose only member has this mode."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        member = zipfile.ZipInfo(name)
        member.create_system, member.external_attr = 3, mode << 16
        made.writestr(member, body)
    return packed.getvalue()


def encrypted() -> bytes:
    """A zip that says that it is."""
    body = bytearray(zip_of({"a": b"x"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = body.index(magic) + offset
        body[at : at + 2] = struct.pack("<H", 1)
    return bytes(body)


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (zip_of({"../beside": b"x"}), "leads out"),
        (zip_of({"/etc/x": b"x"}), "absolute"),
        (zip_with("l", b"../beside", stat.S_IFLNK | 0o777), "may lead out"),
        (zip_with("l", b"\xff", stat.S_IFLNK | 0o777), "damaged"),
        (zip_with("p", b"", stat.S_IFIFO | 0o666), "device, a pipe"),
        (encrypted(), "is encrypted"),
        (zip_of({"a": b"x" * 1000}, zipfile.ZIP_LZMA), "use deflate"),
        (zip_of({}), "holds no file"),
        (zip_of(FILES)[:-30], "damaged or cut short"),
        (zip_of(FILES).replace(b"x,y\n", b"x,z\n"), None),
        (zip_of({"a": b"x,y\n"}, zipfile.ZIP_STORED).replace(b"x,y\n", b"x,z\n"), "damaged"),
        (gzip.compress(tar_of_files(FILES))[:-5], "cut short"),
        (gzip.compress(tar_of_files(FILES))[:-8] + b"\0" * 8, "damaged"),
        (gzip.compress(b"x,y\n" * 1000), "one gzip file, and no archive"),
        (bz2.compress(tar_of_files(FILES))[:-5], "cut short"),
        (tar_of_files({"a": b"x" * 1000})[:1500], "damaged or cut short"),
        (tar_of((info("a"), b"x" * 512))[:1024], "has no end"),
        (tar_of((info("a"), b"x" * 512))[:1024] + b"garbage!" * 64, "has no end"),
        (b"<html>sign in</html>", "it is no tar, tar.gz, tar.bz2, tar.zst or zip"),
        (b"", "it is no tar"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 600, "damaged"),
        (zstd(tar_of_files(FILES))[:-1], "cut short"),
        (zstd(tar_of_files(FILES))[:-4], "cut short"),
        (zstd(tar_of_files(FILES))[:100], "cut short"),
        (zstd(tar_of_files(FILES)) + b"PK\x03\x04", "something follows its zstd frames that is none"),
        (zstd(tar_of_files(FILES))[:-4] + b"\0" * 4, "damaged or cut short"),
        (zstd(b"x,y\n" * 1000), "one zstd file, and no archive"),
        (zstd(tar_of_files(FILES), window_log=26), "more than 32 MiB of memory: pack it with zstd --long=25 or less"),
        (dictionary(), "packed with a dictionary of zstd's"),
        (b"\xfd7zXZ\0" + b"x" * 600, "xz, which is not unpacked here"),
    ],
    ids=named,
)
def test_what_is_no_archive_or_a_hostile_one_is_refused(archive: bytes, told: str | None, tmp_path: Path) -> None:
    """Each with its own sentence."""
    if told is None:
        unpacked(tmp_path, archive)
        return
    with pytest.raises(ArchiveError, match=told):
        unpacked(tmp_path, archive)


def pax_bomb() -> bytes:
    """A header of a hundred megabytes."""
    head = info("pax", tarfile.XHDTYPE)
    head.size = 100 << 20
    return head.tobuf() + b"\0" * 4096


def chained_headers() -> bytes:
    """Headers that are all about the next header."""
    body = b"11 comment\n"
    head = info("pax", tarfile.XHDTYPE)
    head.size = len(body)
    return (head.tobuf() + body.ljust(512, b"\0")) * 5000


def sparse_bomb() -> bytes:
    """A file with holes, whose map of them is as long as the archive."""
    records = b"".join(
        b"%d %s\n" % (len(record) + 4, record)
        for record in (b"GNU.sparse.major=1", b"GNU.sparse.minor=0", b"GNU.sparse.name=a", b"GNU.sparse.realsize=9")
    )
    head = info("pax", tarfile.XHDTYPE)
    head.size = len(records)
    body = info("a")
    body.size = 8 << 20
    return head.tobuf() + records.ljust(512, b"\0") + body.tobuf() + b"4000000\n" + b"1\n" * (4 << 20)


ZEROS = b"\0" * (8 << 20)


@pytest.mark.parametrize(
    ("archive", "limits", "told"),
    [
        (
            zip_of({"z": ZEROS}),
            Limits(most_objects=9, most_bytes=1 << 20),
            r"more than the 1,048,576 bytes that a copy",
        ),
        (gzip.compress(tar_of_files({"z": ZEROS})), Limits(most_objects=9, most_bytes=1 << 20), "spec.cache.sizeLimit"),
        (
            gzip.compress(tar_of_files({"z": ZEROS})),
            Limits(most_objects=9, most_bytes=1 << 40, least_budget_bytes=1 << 20),
            "more than 200 times its size",
        ),
        (zstd(tar_of_files({"z": ZEROS})), Limits(most_objects=9, most_bytes=1 << 20), "spec.cache.sizeLimit"),
        (
            zstd(tar_of_files({"z": ZEROS})),
            Limits(most_objects=9, most_bytes=1 << 40, least_budget_bytes=1 << 20),
            "more than 200 times its size",
        ),
        (SKIPPED * 200_000 + zstd(tar_of_files(FILES)), replace(LIMITS, seconds=-1.0), "to unpack: split it"),
        (zstd(pax_bomb()), LIMITS, "one of its headers has more than"),
        (zip_of({"z": ZEROS}), Limits(most_objects=9, most_bytes=1 << 40, least_budget_bytes=1 << 20), "200 times"),
        (tar_of_files(FILES), Limits(most_objects=9, most_bytes=1 << 40, seconds=-1.0), "to unpack: split it"),
        (pax_bomb(), LIMITS, "one of its headers has more than"),
        (chained_headers(), LIMITS, "RecursionError|headers of a member"),
        (sparse_bomb(), LIMITS, "the headers of a member have more than"),
    ],
    ids=named,
)
def test_bombs_end_at_their_bounds(archive: bytes, limits: Limits, told: str, tmp_path: Path) -> None:
    """As bytes are written, whatever the archive says of itself."""
    with pytest.raises(ArchiveError, match=told):
        unpacked(tmp_path, archive, limits)
    written = sum(path.stat().st_size for path in (tmp_path / "objects").rglob("*") if path.is_file())
    assert written <= min(limits.most_bytes, limits.least_budget_bytes)


NAMES = st.one_of(
    st.lists(st.sampled_from(["a", "b", "A", "..", ".", "", "é", "e\u0301", "x" * 300]), min_size=1, max_size=5).map(
        "/".join
    ),
    st.text(max_size=12),
)
TAR_KINDS = st.sampled_from(
    [tarfile.REGTYPE] * 4 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, *SPECIAL]
)
BODIES = st.sampled_from([b"", b"x", b"12345" * 200, b"\0" * 5000])
SMALL = Limits(most_objects=12, most_bytes=6000, least_budget_bytes=5500)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Path]:
    """Folders, a new one each time."""
    numbers: Iterator[int] = iter(range(1_000_000))
    return lambda: tmp_path / str(next(numbers))


def try_it(folder: Path, archive: bytes) -> None:
    """Whatever happens, it stays in the folder and within bounds; nothing but our own error is raised."""
    try:
        contents = unpacked(folder, archive, SMALL)
    except ArchiveError as error:
        assert str(error)  # noqa: PT017 - either way is fine
    else:
        assert contents.objects <= SMALL.most_objects
        assert contents.size_bytes <= SMALL.most_bytes
    everything = [path.lstat() for path in (folder / "objects").rglob("*")]
    assert len(everything) <= SMALL.most_objects + 128
    assert sum(found.st_size for found in everything if stat.S_ISREG(found.st_mode) and found.st_nlink == 1) <= 6000


SEARCH = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SEARCH
@given(
    members=st.lists(st.tuples(NAMES, TAR_KINDS, NAMES, BODIES), max_size=8),
    pack=st.sampled_from([bytes, gzip.compress, bz2.compress, zstd]),
    form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_no_tar_writes_outside(
    fresh: Callable[[], Path],
    members: list[tuple[str, bytes, str, bytes]],
    pack: Callable[[bytes], bytes],
    form: int,
) -> None:
    """Names, links and kinds of any sort, in any order."""
    made = [
        (info(name.encode("utf-8", "replace").decode(), kind, target.encode("utf-8", "replace").decode()), body)
        for name, kind, target, body in members
    ]
    try_it(fresh(), pack(tar_of(*made, form=form)))


@SEARCH
@given(members=st.lists(st.tuples(NAMES, st.sampled_from([0, stat.S_IFLNK, stat.S_IFREG, stat.S_IFIFO]), BODIES)))
def test_no_zip_writes_outside(fresh: Callable[[], Path], members: list[tuple[str, int, bytes]]) -> None:
    """Likewise; bodies of links are what they lead to."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are in it twice
        for name, mode, body in members:
            member = zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "x")
            member.create_system, member.external_attr = 3, mode << 16
            made.writestr(member, body)
    try_it(fresh(), packed.getvalue())


@SEARCH
@given(
    which=st.sampled_from(
        [
            tar_of_files,
            lambda files: gzip.compress(tar_of_files(files), mtime=0),
            lambda files: zstd(tar_of_files(files)),
            zip_of,
        ]
    ),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.integers(0, 5000),
)
def test_no_bent_archive_writes_outside(
    fresh: Callable[[], Path],
    which: Callable[[dict[str, bytes]], bytes],
    changes: list[tuple[int, bytes]],
    cut: int,
) -> None:
    """Bytes of good ones, changed anywhere, and cut short."""
    body = bytearray(which({"a/b": b"12345" * 100, "c": b"x"}))
    for at, piece in changes:
        body[at : at + len(piece)] = piece
    try_it(fresh(), bytes(body[: len(body) - cut]) if cut < len(body) else bytes(body))


@given(
    st.lists(
        st.builds(
            Member, name=NAMES, kind=st.sampled_from([Kind.FILE, Kind.FOLDER, Kind.LINK, Kind.ALIAS]), target=NAMES
        )
    )
)
def test_places_go_down_only_and_are_nobodys_twice(members: list[Member]) -> None:
    """The pure rules: every place is a relative path without '..', below folders that were made, and new."""
    layout = Layout(50)
    made: set[str] = set()
    files: set[str] = set()
    for member in members:
        try:
            place = layout.place(member)
        except ArchiveError:
            continue
        for folder in place.folders:
            assert folder not in made | files
            made.add(folder)
        assert not place.path.startswith("/")
        assert not {"", ".", ".."} & set(place.path.split("/")) or not place.path
        parent = place.path.rpartition("/")[0]
        assert not parent or parent in made
        if member.kind is not Kind.FOLDER:
            assert place.path not in made | files
            files.add(place.path)
    assert len(made | files) <= 50
