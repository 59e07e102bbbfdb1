"""What a node takes of what lies in other nodes' memory: tables; and what is believed of an answer."""

import pytest

from node_plugin.memory.lying import (
    Home,
    Lying,
    Plan,
    Told,
    fitting,
    plan,
    read_home,
    read_listing,
    write_home,
    write_listing,
)

A, B, C = (Home(node, f"room-{node}") for node in "abc")
A_ANEW = Home("a", "another")


def put(name: str, at: int, home: Home, size_bytes: int = 10) -> Lying:
    """An object that was put then and there."""
    return Lying(at, home, name, size_bytes)


def told(home: Home, *objects: Lying) -> Told:
    """What a node tells."""
    return Told(home, {each.name: each for each in objects})


NOW = 10**18
LATER = NOW + 60 * 10**9 + 1
X1, X2, Y1 = put("x", 1, A), put("x", 2, B), put("y", 1, A)

CASES = {
    "what another has is brought": (told(C), [told(A, X1)], ((X1, ("a",)),), ()),
    "what is here already is not": (told(C, X1), [told(A, X1)], (), ()),
    "of two of a name the newest": (told(C), [told(A, X1), told(B, X2)], ((X2, ("b",)),), ()),
    "which may be one's own": (told(B, X2), [told(A, X1)], (), ()),
    "and takes the place of one's own older one": (told(A, X1), [told(B, X2)], ((X2, ("b",)),), ()),
    "the newest come first": (told(C), [told(A, Y1), told(B, X2)], ((X2, ("b",)), (Y1, ("a",))), ()),
    "its home is asked first, then who has a copy": (
        told(C),
        [told(A), told(B, X2), told(A, X2)],
        ((X2, ("b", "a")),),
        (),
    ),
    "a copy whose home does not answer counts": (told(C), [told(B, X1)], ((X1, ("b",)),), ()),
    "or whose home was made anew": (told(C), [told(B, X1), told(A_ANEW)], ((X1, ("b",)),), ()),
    "what was deleted at home is not brought back": (told(A), [told(B, X1)], (), ()),
    "nor to a third node": (told(C), [told(A), told(B, X1)], (), ()),
    "a copy here of what was deleted at home goes": (told(C, X1), [told(A)], (), (X1,)),
    "not where its home does not answer": (told(C, X1), [], (), ()),
    "what was replaced at home is brought anew": (
        told(C, X1),
        [told(A, put("x", 3, A))],
        ((put("x", 3, A), ("a",)),),
        (),
    ),
    "what says that it was put later than now does not count": (
        told(C),
        [told(A, put("x", LATER, A)), told(B, X2)],
        ((X2, ("b",)),),
        (),
    ),
    "clocks may differ a little": (
        told(C),
        [told(A, put("x", LATER - 1, A))],
        ((put("x", LATER - 1, A), ("a",)),),
        (),
    ),
    "a copy here that says so goes": (told(C, put("x", LATER, A)), [], (), (put("x", LATER, A),)),
    "an object at home here stays, whatever it says": (told(C, put("x", LATER, C)), [told(A, X1)], (), ()),
    "no copy whose home does not answer takes its place": (told(C, put("x", 0, C)), [told(B, X1)], (), ()),
    "nor one whose home was made anew": (told(C, put("x", 0, C)), [told(B, X1), told(A_ANEW)], (), ()),
    "one whose home answers does": (told(C, put("x", 0, C)), [told(B, X1), told(A, X1)], ((X1, ("a", "b")),), ()),
    "also where its home has an older one now": (told(C, X2), [told(B, X1), told(A, X1)], ((X1, ("a", "b")),), ()),
}


@pytest.mark.parametrize(("own", "others", "brought", "dropped"), CASES.values(), ids=CASES)
def test_what_a_node_takes(
    own: Told, others: list[Told], brought: tuple[tuple[Lying, tuple[str, ...]], ...], dropped: tuple[Lying, ...]
) -> None:
    """Of each name the newest that counts; copies count as their home says."""
    assert plan(own, others, NOW) == Plan(brought, dropped)


def test_what_has_room() -> None:
    """The newest first, in whole pages; what is too large keeps nothing out that is older and smaller."""
    objects = [(put("x", 4, A, 4097), ("a",)), (put("y", 3, A, 9000), ("a",)), (put("z", 2, A, 0), ("a",))]
    assert fitting(objects, 8192, 9) == [objects[0], objects[2]]
    assert fitting(objects, 8192, 1) == [objects[0]]


def test_a_listing_reads_back() -> None:
    """And so does what a copy says of its home."""
    said = told(A, X1, put("features%2F1", 5, B, 0))
    assert read_listing(write_listing(said), "a") == said
    assert read_home(write_home(B, "x"), "x") == B
    assert read_home(write_home(B, "x"), "another-name") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"b room",
        b"a room\n1 2 a room ../x",
        b"a room\n1 2 a room .hidden",
        b"a room\n1 2 a room x y",
        b"a room\n-1 2 a room x",
        b"a room\n1 2 a/ room x",
        b"a room\n" + b"9" * 30 + b" 2 a room x",
        b"a room\n1 2 a room " + b"x" * 201,
        b"a room" + b"\n1 2 a room x" * 100_001,
    ],
)
def test_what_is_no_listing(body: bytes) -> None:
    """Names that lead elsewhere, other nodes' answers, and too many of them."""
    assert read_listing(body, "a") is None
