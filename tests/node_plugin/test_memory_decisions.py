"""What of a node's memory is given and what is freed, as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.grants.standing import Standing
from moorage.model import CachedDataset, DatasetRef
from node_plugin.app import as_told
from node_plugin.caching.reporting import is_news, report_of
from node_plugin.memory.deciding import departures, no_room
from node_plugin.memory.holding import HeldMemory, MemoryKey, key_of, key_of_folder

REF = DatasetRef("fraud", "features")
KEY = MemoryKey(REF, "one")
OTHER = MemoryKey(DatasetRef("fraud", "others"), "two")
NOW = 10_000.0


def held(key: MemoryKey = KEY, *, size: int = 10, used_ago: float = 5.0) -> HeldMemory:
    """So much, used so many seconds ago."""
    return HeldMemory(key=key, size_bytes=size, used_bytes=1, last_used=NOW - used_ago)


STAYS, GONE = Standing(ref=REF, uid="one"), Standing(ref=REF, rule="DatasetUnknown", message="it is not known")


@pytest.mark.parametrize(
    ("each", "standing", "used", "told"),
    [
        (held(), STAYS, False, None),
        (held(), None, False, None),
        (held(), GONE, False, ("DatasetUnknown", "it is not known")),
        (held(), GONE, True, None),
        (held(), Standing(ref=REF, uid="new"), False, ("", "its Dataset was deleted, and another one has the name")),
        (held(), Standing(ref=REF), False, None),  # a broker that does not say which one it is
        (held(used_ago=100), STAYS, False, ("", "no pod has used it for 100 s")),
        (held(used_ago=100), None, False, ("", "no pod has used it for 100 s")),
        (held(used_ago=100), STAYS, True, None),
        (held(used_ago=-50), STAYS, False, None),
    ],
)
def test_what_is_freed(each: HeldMemory, standing: Standing | None, used: bool, told: tuple[str, str] | None) -> None:  # noqa: FBT001 - a table's column
    """Nothing that a pod has; what may not be here, what is of no Dataset, and what nobody used for long."""
    standings = {} if standing is None else {REF: standing}
    found = departures([each], standings, {KEY} if used else set(), NOW, 100)
    assert [(departure.rule, departure.message) for departure in found] == ([] if told is None else [told])


@pytest.mark.parametrize(
    ("wanted", "present", "limit", "told"),
    [
        (10, [], 10, None),
        (11, [], 10, "may give 0 are given to other datasets"),
        (10, [held()], 10, None),  # it has them already
        (20, [held()], 20, None),
        (10, [held(OTHER)], 20, None),
        (11, [held(OTHER)], 20, "needs 11 bytes of this node's memory, and of the 20 that it may give 10 are given"),
        (1, [], 0, "this node gives none: ask the platform's operators to set nodePlugin.memory.sizeLimit"),
    ],
)
def test_what_is_given(wanted: int, present: list[HeldMemory], limit: int, told: str | None) -> None:
    """Sizes count, whatever lies there: what was promised can be used."""
    problem = no_room(KEY, wanted, present, limit)
    assert problem is None if told is None else told in str(problem)


LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@given(LABELS, LABELS, st.uuids().map(str))
def test_a_folder_says_whose_it_is(namespace: str, name: str, uid: str) -> None:
    """Whatever the names are."""
    key = key_of(DatasetRef(namespace, name), uid)
    assert key is not None
    assert key_of_folder(key.folder) == key


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a_b", "x" * 64])
def test_no_other_folder_is_named(uid: str) -> None:
    """Whatever a broker says."""
    assert key_of(REF, uid) is None
    assert key_of_folder(f"fraud_features_{uid}") is None


def test_what_lies_there_is_told_to_the_scheduler() -> None:
    """Once there is something, by the Dataset's uid; and not again for every byte."""
    some, more, much = (
        as_told(HeldMemory(key=KEY, size_bytes=1000, used_bytes=used, last_used=NOW)) for used in (100, 110, 300)
    )
    report = report_of("node", [some])
    assert report.datasets == (CachedDataset(REF, "one", 100),)
    assert report_of("node", [as_told(held(size=5))]).datasets == (CachedDataset(REF, "one", 1),)
    assert not is_news(report, report_of("node", [more]), [more], 60)
    assert is_news(report, report_of("node", [much]), [much], 60)
    assert is_news(report, report_of("node", []), [], 0)
