"""A thousand random edits of a log: each is found."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from moorage.evidence.documents import entries_of
from moorage.evidence.line import Line, read_line
from moorage.evidence.verifying import Held, verify
from tests.evidence.logs import KEY, TRUSTED, Log, written

EDITS: Final = 1000

Edit = Callable[[Random, Sequence[bytes], Sequence[bytes]], list[bytes]]


def _flip(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    """One bit of one byte, of a line's end too."""
    content = bytearray(b"".join(lines))
    # The end of the last line is no part of any line.
    content[random.randrange(len(content) - 1)] ^= 1 << random.randrange(8)
    return bytes(content).splitlines(keepends=True) if b"\r" not in content else [bytes(content)]


def _exchange(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    """A byte by any other."""
    content = bytearray(b"".join(lines))
    place = random.randrange(len(content) - 1)
    content[place] = random.choice([byte for byte in range(256) if byte != content[place]])
    return bytes(content).split(b"\n")


def _remove(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    first = random.randrange(len(lines))
    return [*lines[:first], *lines[first + random.choice([1, 1, 1, 2, 5]) :]]


def _swap(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    """Two lines of one chain: the order of two chains says nothing."""
    changed = list(lines)
    first = random.randrange(len(lines))
    chain = read_line(lines[first].strip()).chain
    others = [number for number, line in enumerate(lines) if number != first and read_line(line.strip()).chain == chain]
    second = random.choice(others)
    changed[first], changed[second] = changed[second], changed[first]
    return changed


def _double(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    changed = list(lines)
    changed.insert(random.randrange(len(lines) + 1), random.choice(lines))
    return changed


def _cut(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    """Off the end, at a line or within one."""
    if random.random() < 0.5:
        return list(lines[: random.randrange(len(lines))])
    content = b"".join(lines)
    return content[: random.randrange(len(content) - 1)].split(b"\n")


def _splice(random: Random, lines: Sequence[bytes], others: Sequence[bytes]) -> list[bytes]:
    """Some lines of another log come in, instead of ours or besides."""
    first, count = random.randrange(len(others)), random.choice([1, 2, 5, len(others)])
    place, replaced = random.randrange(len(lines)), random.choice([0, 0, 1, 3])
    return [*lines[:place], *others[first : first + count], *lines[place + replaced :]]


def _rehash(random: Random, lines: Sequence[bytes], _: Sequence[bytes]) -> list[bytes]:
    """A line says something else, and its hash is made to fit."""
    number = random.randrange(len(lines))
    line = read_line(lines[number].strip())
    other = _with_other_time(line, random)
    return [*lines[:number], other.write() + b"\n", *lines[number + 1 :]]


def _with_other_time(line: Line, random: Random) -> Line:
    from moorage.evidence.line import Link, make_line  # noqa: PLC0415 - of this edit alone

    place = Link(line.component, line.chain, line.sequence, "")
    return make_line(place, line.previous, f"2025-01-01T00:00:0{random.randrange(10)}.000Z", line.event)


_ALL: Final[tuple[Edit, ...]] = (_flip, _exchange, _remove, _swap, _double, _cut, _splice, _rehash)


def test_each_of_a_thousand_edits_is_found() -> None:
    """Of a log of several chains whose last heads are held, beside another log by the same hand but another key."""
    random = Random(64)  # noqa: S311 - the same edits each time
    log, other = Log(random), Log(random)
    for component, events in (("broker", 7), ("hub", 5), ("broker", 6)):
        log.chain(component, events)
    for component, events in (("broker", 4), ("broker", 6)):
        other.chain(component, events)
    ours = written(log.lines).splitlines(keepends=True)
    theirs = written([line for line in other.lines if line.event.signature is None]).splitlines(keepends=True)
    held = [Held("held", KEY.sign(link)) for link in log.heads.values()]
    assert verify(entries_of("log", ours), held, TRUSTED.signed).findings == ()
    missed: list[tuple[str, list[bytes]]] = []
    kinds: Counter[str] = Counter()
    for number in range(EDITS):
        edit = _ALL[number % len(_ALL)]
        edited = edit(random, ours, theirs)
        found = verify(entries_of("log", edited), held, TRUSTED.signed).findings
        kinds.update({each.problem.value for each in found})
        if not found:
            missed.append((edit.__name__, edited))
    assert missed == []
    # Each kind of finding is found by name, not all as one.
    assert kinds.keys() >= {"Altered", "Removed", "Reordered", "Doubled", "Forked", "Truncated", "Unsealed"}
