"""Which objects a node keeps of what it has no room for, and how a version's objects are found: pure."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node_plugin.filler.choosing import choose_part
from node_plugin.filler.lines import Lines
from node_plugin.filler.manifest import Entry, write
from node_plugin.sidecar.parts import listing

ENTRIES = [Entry(f"{number:04}", 1_000_000, "e", 0) for number in range(1000)]
TOTAL = 1000 * (1_000_000 + 4096)


def kept(me: str, *others: str, share: float, there: frozenset[str] = frozenset()) -> set[str]:
    """What a node keeps that has room for a share of it."""
    return {entry.key for entry in choose_part(ENTRIES, there, me, others, int(TOTAL * share))}


def test_two_nodes_with_a_little_more_than_half_have_all_of_it_together() -> None:
    """Each takes what the other would take last."""
    a, b = kept("a", "b", share=0.6), kept("b", "a", share=0.6)
    assert len(a) == len(b) == 600
    assert len(a | b) == len(ENTRIES)


def test_three_nodes_with_a_little_more_than_a_third_have_nearly_all_of_it() -> None:
    """None knows of the others' room."""
    names = {"a", "b", "c"}
    together = set[str]().union(*(kept(me, *(names - {me}), share=0.4) for me in names))
    assert len(together) > 0.97 * len(ENTRIES)


def test_a_node_that_comes_later_takes_what_the_first_did_not() -> None:
    """Nearly: the first knew of nobody."""
    assert len(kept("a", share=0.6) | kept("b", "a", share=0.6)) > 0.94 * len(ENTRIES)


def test_what_is_there_stays_and_what_is_too_large_is_passed_over() -> None:
    """A node that comes moves nothing on the disks of others."""
    before = frozenset(kept("a", share=0.3))
    assert before < kept("a", "b", share=0.5, there=before)
    entries = [Entry("large", 10_000, "e", 0), Entry("small", 10, "e", 0), Entry("smaller", 0, "e", 0)]
    assert [each.key for each in choose_part(entries, set(), "a", (), 10_000)] == ["small", "smaller"]


NAMES = st.text(st.sampled_from("a0/.-é"), max_size=5)


@given(st.sets(NAMES.filter(lambda name: name.strip("/") == name and name and "//" not in name), max_size=12))
def test_a_manifest_is_a_tree_of_folders(keys: set[str]) -> None:
    """Whatever sorts between a folder's name and what lies in it."""
    entries = sorted((Entry(key, 1, "e", 0) for key in keys), key=lambda entry: entry.sort_key)
    name = f"/tmp/moorage-lines-{os.getpid()}"
    write(entries, name)
    manifest = os.open(name, os.O_RDONLY)
    try:
        lines = Lines(manifest)
        assert [lines.find(entry.key) for entry in entries] == entries
        assert lines.find("nothing") is None
        folders = {""} | {key[:at] for key in keys for at in range(len(key)) if key[at] == "/"}
        for folder in folders:
            assert lines.has_folder(folder)
            prefix = f"{folder}/" if folder else ""
            below = {key[len(prefix) :] for key in keys if key.startswith(prefix)}
            found = [each.key[len(prefix) :] if isinstance(each, Entry) else f"{each}/" for each in lines.below(folder)]
            assert len(found) == len(set(found))
            assert set(found) == {name.partition("/")[0] + ("/" if "/" in name else "") for name in below}
        assert not lines.has_folder("nothing")
    finally:
        os.close(manifest)
        Path(name).unlink()


def test_names_read_back_from_requests() -> None:
    """Whatever they are made of."""
    for key in ("a b/c%41+ä", "<&>", "a?b"):
        words = listing.file_words(Entry(key, 1, "e", 0)).decode()
        href = words.partition("<D:href>")[2].partition("</D:href>")[0]
        assert listing.key_of(href) == key
