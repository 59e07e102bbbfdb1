"""Who brings which object: the rule, the board that carries it out, and what an etag proves. Pure."""

import hashlib
import os
import ssl
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.calling.failures import TryAgainError
from moorage.grants.neighbours import Neighbour, Neighbourhood, Pass
from moorage.model import DatasetRef
from node_plugin.caching.holding import VersionKey
from node_plugin.filler import etags, manifest
from node_plugin.filler.board import Board, Work
from node_plugin.filler.exchange import View, read_view, write_view
from node_plugin.filler.manifest import Entry
from node_plugin.filler.neighbour import Having, NeighbourFolder
from node_plugin.filler.sharing import BUCKETS, Choice, Where, bringer_of, bucket_of, choose
from node_plugin.neighbours.following import Settling
from node_plugin.neighbours.shelf import NotHereError, Shelf

NODES = [f"node-{number}" for number in range(10)]
MD5 = "0" * 32


def entry(key: str, size_bytes: int = 10, etag: str = MD5) -> Entry:
    """One object."""
    return Entry(key, size_bytes, etag, 0)


ENTRIES = [entry(f"{number:04}") for number in range(1000)]


@given(st.sets(st.sampled_from(NODES), min_size=1), st.integers(0, BUCKETS - 1))
def test_nodes_that_see_the_same_agree(sharing: set[str], bucket: int) -> None:
    """Exactly one of them goes to the source, all others wait for that one."""
    choices = {me: choose(me, bucket, sharing, ()) for me in sharing}
    (bringer,) = [me for me, choice in choices.items() if choice.where is Where.SOURCE]
    assert {choice for me, choice in choices.items() if me != bringer} <= {Choice(Where.LATER, bringer)}


@given(st.sets(st.sampled_from(NODES), min_size=2), st.sampled_from(NODES), st.integers(0, BUCKETS - 1))
def test_a_node_that_goes_moves_its_own_share_only(sharing: set[str], gone: str, bucket: int) -> None:
    """What others were to bring, they bring still."""
    before, after = bringer_of(bucket, sharing), bringer_of(bucket, sharing - {gone})
    assert before in {gone, after}


def test_ten_nodes_share_alike() -> None:
    """None of them brings twice its tenth."""
    shares = Counter(bringer_of(bucket_of(each.key), NODES) for each in ENTRIES)
    assert set(shares) == set(NODES)
    assert max(shares.values()) < 2 * len(ENTRIES) / len(NODES)


def test_readers_spread_over_those_who_have_it() -> None:
    """Whoever has it is asked, whoever was to bring it."""
    asked = Counter(choose(f"reader-{each}", 7, ["reader-0"], NODES[:2]).node for each in range(100))
    assert set(asked) == set(NODES[:2])
    assert min(asked.values()) > 20


def board(me: str, *others: Neighbour, shares: bool = True, entries: list[Entry] = ENTRIES) -> Board:
    """A board of a node with such neighbours."""
    made = Board(entries, entries, me)
    made.see(View(neighbours=others, shares=shares, shown=Pass("", "")))
    return made


def drain(made: Board, number: int) -> list[Work]:
    """So many pieces of work, all done."""
    found = []
    for _ in range(number):
        work = made.next()
        assert work is not None
        made.done(work)
        found.append(work)
    return found


def bringing(node: str) -> Neighbour:
    """A neighbour that brings it, too."""
    return Neighbour(node, "10.0.0.1:1", whole=False)


def test_boards_of_two_nodes_bring_each_object_once() -> None:
    """The shares of both are all of it, and what one has is then copied by the other."""
    mine = sum(bringer_of(bucket_of(each.key), ["a", "b"]) == "a" for each in ENTRIES)
    ours = {work.entry.key for work in drain(board("a", bringing("b")), mine)}
    theirs = {work.entry.key for work in drain(board("b", bringing("a")), len(ENTRIES) - mine)}
    assert ours | theirs == {each.key for each in ENTRIES}
    assert not ours & theirs
    made = board("a", bringing("b"))
    made.told("b", Having(b"\xff" * 125, "1"))
    assert {work.node for work in drain(made, len(ENTRIES))} == {"b"}
    assert made.is_done
    keeps_a_part = board("a", bringing("b"))
    keeps_a_part.told("b", Having(b"\x0f", ""))
    assert [work.node for work in drain(keeps_a_part, len(ENTRIES))].count("b") == 4, "what it lacks is not waited for"


@pytest.mark.parametrize(
    ("why", "others", "shares"),
    [
        ("nobody else is there", (), True),
        ("nobody sees this node", (), False),
        ("the neighbour was left", (bringing("b"),), True),
        ("the neighbour that has all was left", (Neighbour("b", "10.0.0.1:1", whole=True),), False),
    ],
)
def test_what_nobody_else_brings_this_node_does(why: str, others: tuple[Neighbour, ...], shares: bool) -> None:  # noqa: FBT001 - a table's column
    """All of it, from the source."""
    made = board("a", *others, shares=shares, entries=ENTRIES[:50])
    if "left" in why:
        made.leave("b", "is slow")
    assert {work.node for work in drain(made, 50)} == {""}


def test_an_object_that_nothing_proves_comes_from_the_source() -> None:
    """Whatever a neighbour has; and one that stays busy is left, as busy as it is for all that it has."""
    whole = Neighbour("b", "10.0.0.1:1", whole=True)
    made = board("a", whole, entries=[entry("weak", etag='W/"x"'), entry("proved")])
    assert {work.entry.key: work.node for work in drain(made, 2)} == {"weak": "", "proved": "b"}
    clock, left = iter(range(100_000)), []
    busy = Board(ENTRIES, ENTRIES, "a", lambda node, why: left.append(f"{node} {why}"), lambda: float(next(clock)))
    busy.see(View(neighbours=(whole,), shares=True, shown=Pass("", "")))
    asked = 0
    while (work := busy.next()) is not None and work.node:
        busy.put_back(work, busy=True)
        asked += 1
    assert asked == 30
    assert left == ["b was busy 30 times in a row"]


def test_a_neighbour_that_is_busy_now_and_then_is_kept() -> None:
    """Threads that it refuses together are refused once, others are asked meanwhile, and what comes makes up for it."""
    now, left = [0.0], []
    both = [Neighbour(name, "10.0.0.1:1", whole=True) for name in ("b", "c")]
    made = Board(ENTRIES, ENTRIES, "a", lambda node, _why: left.append(node), lambda: now[0])
    made.see(View(neighbours=tuple(both), shares=True, shown=Pass("", "")))
    for _ in range(40):
        now[0] += 2.0
        at_once = [work for work in (made.next() for _ in range(8)) if work is not None]
        refused = [work for work in at_once if work.node == "b"]
        for work in refused:
            made.put_back(work, busy=True)
        for work in at_once:
            if work not in refused:
                made.done(work)
        if refused:
            again = made.next()
            assert again is not None
            assert again.node == "c"
            made.put_back(again)
    assert left == ["b"]
    kept = Board(ENTRIES, ENTRIES, "a", lambda node, _why: left.append(node), lambda: now[0])
    kept.see(View(neighbours=tuple(both[:1]), shares=True, shown=Pass("", "")))
    for _ in range(40):
        now[0] += 2.0
        for is_busy in (True, False):
            now[0] += 2.0
            one = kept.next()
            assert one is not None
            kept.put_back(one, busy=True) if is_busy else kept.done(one)
    assert left == ["b"]


def parts_etag(body: bytes, part_bytes: int) -> str:
    """As a store makes it."""
    parts = [body[start : start + part_bytes] for start in range(0, len(body), part_bytes)]
    digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


@pytest.mark.parametrize("part_mib", [1, 5, 7, 8, 16])
def test_an_etag_of_parts_proves_bytes(part_mib: int) -> None:
    """Whatever the parts' length, in whole MiB; a byte that differs shows."""
    body = os.urandom(17 << 20)
    tag = parts_etag(body, part_mib << 20)
    object_ = entry("x", len(body), tag)
    assert etags.verifies(object_)
    assert etags.fits_parts(object_, lambda count, offset: body[offset : offset + count])
    wrong = body[:-1] + bytes([body[-1] ^ 1])
    assert not etags.fits_parts(object_, lambda count, offset: wrong[offset : offset + count])


@pytest.mark.parametrize("tag", ["", 'W/"1"', "x" * 32, f"{MD5}-0", f"{MD5}-100000", f"{MD5}-2"])
def test_what_no_etag_proves(tag: str) -> None:
    """A weak one, none, and one of parts that fit no length."""
    assert not etags.verifies(entry("x", 100, tag))


@pytest.mark.parametrize(
    ("told", "seconds", "settled"),
    [
        (Neighbourhood(), [0.0], [True]),
        (Neighbourhood(others=3), [0.0, 7.0, 8.0], [False, False, True]),
        (Neighbourhood(others=3, seen=True), [0.0, 1.0, 2.0], [False, False, True]),
        (Neighbourhood(neighbours=(Neighbour("b", "x", whole=True),), others=3), [0.0], [True]),
    ],
)
def test_when_a_node_goes_afar(told: Neighbourhood, seconds: list[float], settled: list[bool]) -> None:
    """At once where nobody else could share; else once those that began with it are seen, or it took too long."""
    settling = Settling(0.0)
    assert [settling.is_settled(told, now) for now in seconds] == settled


@pytest.mark.parametrize("address", ["169.254.169.254:80", "[fe80::1]:9809", "100.100.100.200:443"])
def test_no_neighbour_is_where_clouds_answer(address: str) -> None:
    """A node that was taken writes any address into its NodeCache; nothing is sent there."""
    folder = NeighbourFolder("n1", address, ssl.create_default_context(), "/x")
    with pytest.raises(TryAgainError, match="OSError"):
        folder.having(1)


def test_a_view_reads_back() -> None:
    """What the node plugin tells a filler."""
    view = View(neighbours=(bringing("b"),), shares=True, settled=False, shown=Pass("c\nd", "k\ne"))
    assert read_view(write_view(view)) == view
    assert read_view(write_view(View())) == View()


def test_a_shelf_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filler that was taken over puts links into its folder: to another file, and instead of a folder."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"0123456789")
    folder = tmp_path / "filling"
    (folder / "objects" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder)
    (folder / "objects" / "real").write_bytes(b"x" * 10)
    (folder / "objects" / "link").symlink_to(secret / "key")
    (folder / "objects" / "folder").symlink_to(secret)
    (folder / "objects" / "b" / "short").write_bytes(b"x")
    listed = [entry("b/short"), entry("folder/key"), entry("link"), entry("real"), entry("../../secret/key")]
    manifest.write(listed)
    shelf, key = Shelf(), VersionKey(DatasetRef("a", "b"), "0" * 64)
    descriptor, size_bytes = shelf.open(key, folder, 3)
    assert (os.read(descriptor, 100), size_bytes) == (b"x" * 10, 10)
    os.close(descriptor)
    assert shelf.having(key, folder) == bytes([0b01000])
    for number in (0, 1, 2, 4, 5, 999):
        with pytest.raises(NotHereError):
            shelf.open(key, folder, number)
    manifest.write([replace(each, modified_seconds=10**9) for each in listed[3:4]])
    os.close(shelf.open(key, folder, 0)[0])
