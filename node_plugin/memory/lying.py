"""What lies in one node's memory of a Dataset, as nodes tell each other; and what one of them takes of it. Pure.

An object is at home where it was put. Copies of it say so, and count as long as their home, if it answers and is the
same memory still, has that very object: so what was deleted or replaced at home is not brought back by a copy.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_OBJECTS: Final = 100_000
MOST_LISTING_BYTES: Final = 64 << 20
_PAGE_BYTES: Final = 4096
_AHEAD_NS: Final = 60 * 10**9
"""So far the clocks of two nodes may differ."""
_NAME: Final = re.compile(r"[A-Za-z0-9_~%-][A-Za-z0-9_.~%-]{0,199}")
_WORD: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True, order=True)
class Home:
    """One node's memory of a Dataset, and no later one: it is made anew after it was freed.

    Attributes:
        node: its name.
        room: a word that no other memory has.
    """

    node: str
    room: str

    def __str__(self) -> str:
        return f"{self.node} {self.room}"


@dataclass(frozen=True, slots=True, order=True)
class Lying:
    """One object. Two that are equal are the same one.

    Attributes:
        put_ns: when it was put, by the clock of the node; nanoseconds since 1970.
        home: where.
        name: of its file.
        size_bytes: of it.
    """

    put_ns: int
    home: Home
    name: str
    size_bytes: int

    @property
    def tag(self) -> str:
        """What a reader names, so that it gets this one and no later one of the name."""
        return f"{self.size_bytes}-{self.put_ns}"


Listing = Mapping[str, Lying]
Wanted = tuple[Lying, tuple[str, ...]]
"""An object, and the nodes that have it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one node tells.

    Attributes:
        home: which memory that is.
        objects: what lies there, by name.
    """

    home: Home
    objects: Listing


@dataclass(frozen=True, slots=True)
class Plan:
    """What a node takes of what others have.

    Attributes:
        brought: the newest first, each with the nodes that have it, its home first.
        dropped: copies here that are not at their home any more, and are replaced by nothing.
    """

    brought: tuple[Wanted, ...] = ()
    dropped: tuple[Lying, ...] = ()


def plan(own: Told, others: Iterable[Told], now_ns: int) -> Plan:
    """Of each name the newest object that counts.

    What says that it was put later than now would win for good, so it does not count. Nor does a copy whose home does
    not answer, where an object of this name is at home here: anybody can name a home that nobody can ask.

    Args:
        own: what lies here.
        others: what lies at the nodes that answered.
        now_ns: by this node's clock; nanoseconds since 1970.
    """
    all_told = [own, *others]
    homes = {told.home: told.objects for told in all_told}
    at_home_here = {name for name, each in own.objects.items() if each.home == own.home}
    best: dict[str, Lying] = {}
    holders: dict[Lying, list[str]] = {}
    for told in all_told:
        for name, each in told.objects.items():
            at_home = homes.get(each.home)
            if at_home is not None and at_home.get(name) != each:
                continue
            is_ours = each.home == own.home
            if not is_ours and (each.put_ns > now_ns + _AHEAD_NS or (at_home is None and name in at_home_here)):
                continue
            holders.setdefault(each, []).append(told.home.node)
            if name not in best or best[name] < each:
                best[name] = each
    brought = sorted((each for name, each in best.items() if own.objects.get(name) != each), reverse=True)
    dropped = tuple(sorted(each for name, each in own.objects.items() if name not in best))
    return Plan(tuple((each, _home_first(each, holders[each])) for each in brought), dropped)


def fitting(brought: Sequence[Wanted], free_bytes: int, free_files: int) -> list[Wanted]:
    """Those that have room, the newest first.

    Args:
        brought: in that order.
        free_bytes: here.
        free_files: here.
    """
    found = []
    for each, nodes in brought:
        pages_bytes = -(-each.size_bytes // _PAGE_BYTES) * _PAGE_BYTES
        if pages_bytes <= free_bytes and free_files > 0:
            free_bytes -= pages_bytes
            free_files -= 1
            found.append((each, nodes))
    return found


def _home_first(each: Lying, nodes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(nodes), key=lambda node: (node != each.home.node, node)))


def is_name(text: str) -> bool:
    """Whether a file of this name is an object, and may be one elsewhere."""
    return _NAME.fullmatch(text) is not None


def write_home(home: Home, name: str) -> bytes:
    """What a copy says of its home; under another name it says nothing."""
    return f"{home} {name}".encode()


def read_home(said: bytes, name: str) -> Home | None:
    """The home of a copy; None where that is not said, or of another object."""
    match said.decode(errors="replace").split(" "):
        case [node, room, named] if named == name and _WORD.fullmatch(node) and _WORD.fullmatch(room):
            return Home(node, room)
    return None


def write_listing(told: Told) -> bytes:
    """The body of an answer: a line for the memory, and one for each object."""
    lines = [str(told.home)]
    lines += [f"{each.size_bytes} {each.put_ns} {each.home} {each.name}" for each in told.objects.values()]
    return "\n".join(lines).encode()


def read_listing(body: bytes, node: str) -> Told | None:
    """Understand an answer of a node; None where it is none.

    Args:
        body: bounded by `MOST_LISTING_BYTES`.
        node: that answered.
    """
    try:
        first, *lines = body.decode("ascii").split("\n")
    except UnicodeDecodeError:
        return None
    home = _home(first.split(" "))
    if home is None or home.node != node or len(lines) > MOST_OBJECTS:
        return None
    objects = {}
    for line in lines:
        match line.split(" "):
            case [size, put, its_node, room, name] if (
                _NUMBER.fullmatch(size) and _NUMBER.fullmatch(put) and is_name(name)
            ):
                its_home = _home([its_node, room])
                if its_home is None:
                    return None
                objects[name] = Lying(int(put), its_home, name, int(size))
            case _:
                return None
    return Told(home, objects)


def _home(words: list[str]) -> Home | None:
    match words:
        case [node, room] if _WORD.fullmatch(node) and _WORD.fullmatch(room):
            return Home(node, room)
    return None
