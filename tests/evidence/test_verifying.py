"""What verifying finds, by name; and that it finds nothing where nothing is wrong."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

import orjson
import pytest

from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.documents import entries_of
from moorage.evidence.findings import Problem, Report
from moorage.evidence.line import Event, Line, Link, What, make_line
from moorage.evidence.signing import SealingKey
from moorage.evidence.verifying import Held, verify
from tests.evidence.logs import BEGUN, KEY, TRUSTED, Log, granted, ticking, written


def _log() -> Log:
    """Two chains of the broker and one of another component."""
    log = Log(Random(1))  # noqa: S311 - the same log each time
    log.chain("broker", 10)
    log.chain("hub", 3)
    log.chain("broker", 6)
    return log


def _verified(lines: Sequence[Line], *held: Held, since: str = "") -> Report:
    return verify(entries_of("log", written(lines).splitlines(keepends=True)), held, TRUSTED.signed, since)


def _held(link: Link, key: SealingKey = KEY) -> Held:
    return Held("head", key.sign(link))


def test_nothing_is_wrong() -> None:
    """Summaries say how far each chain goes, and how far it is sealed."""
    log = _log()
    report = _verified(log.lines, *map(_held, log.heads.values()))
    assert report.findings == ()
    assert [(each.name.split("/")[0], each.first, each.last) for each in report.chains] == [
        ("broker", 0, 13),
        ("broker", 0, 8),
        ("hub", 0, 4),
    ]
    assert [each.sealed_to for each in report.chains] == [13, 8, 4]
    assert not any(each.ended for each in report.chains)


def test_chains_may_be_mixed() -> None:
    """As logs of two replicas are."""
    log = _log()
    mixed = sorted(log.lines, key=lambda line: (line.sequence, line.chain))
    assert _verified(mixed).findings == ()


def test_the_keys_may_be_unknown() -> None:
    """Then no signature is looked at, and no chain is said to be sealed."""
    report = verify(entries_of("log", written(_log().lines).splitlines()))
    assert report.findings == ()
    assert {each.sealed_to for each in report.chains} == {None}


def _without(*numbers: int) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [line for number, line in enumerate(lines) if number not in numbers]


def _swapped(lines: list[Line]) -> list[Line]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def _rewritten(lines: list[Line]) -> list[Line]:
    """Somebody changes a line and makes its hash anew."""
    old = lines[5]
    place = Link(old.component, old.chain, old.sequence, "")
    return [*lines[:5], make_line(place, old.previous, old.time, granted(99)), *lines[6:]]


def _forked(lines: list[Line]) -> list[Line]:
    return [*lines, _rewritten(lines)[5]]


def _rechained(lines: list[Line]) -> list[Line]:
    """Somebody writes the rest of the chain anew, with hashes that fit, but without the key."""
    first = lines[0]
    chain = Chain("broker", first.chain, ticking())
    stranger = SealingKey.make()
    made = [chain.begin(())]
    for line in lines[1:14]:
        if line.event.what is What.SEALED:
            made.append(chain.append(stranger.seal(made[-1].link)))
        else:
            made.append(chain.append(granted(7)))
    return [*made, *lines[14:]]


@pytest.mark.parametrize(
    ("edit", "problem", "message"),
    [
        (_without(4), Problem.REMOVED, "before it, line 4 is missing"),
        (_without(4, 5, 6), Problem.REMOVED, "before it, lines 4 to 6 are missing"),
        (_without(0), Problem.REMOVED, "before it, line 0 is missing"),
        (_swapped, Problem.REORDERED, "line 3 comes after line 4"),
        (lambda lines: [*lines[:5], *lines[4:]], Problem.DOUBLED, "line 4 is there twice: it stands at log:5 too"),
        (_rewritten, Problem.ALTERED, "line 5 is not the one that line 6 (at log:7) names"),
        (_forked, Problem.FORKED, "there are two lines 5 that differ: the other stands at log:6"),
        (_rechained, Problem.FOREIGN_HEAD, "is signed by no key that is trusted"),
        (_rechained, Problem.UNSEALED, "may be anybody's"),
        (_rechained, Problem.FORKED, "line 13 is not the one that broker/"),
        (_without(*range(14)), Problem.REMOVED, "the whole chain is missing"),
        (_without(12, 13), Problem.TRUNCATED, "it ends with line 11, and broker/"),
    ],
)
def test_what_is_wrong_has_a_name(edit: Callable[[list[Line]], list[Line]], problem: Problem, message: str) -> None:
    """The next chain names the head of the one before, so nobody's held head is needed for that one."""
    found = _verified(edit(_log().lines)).findings
    assert [each for each in found if each.problem is problem and message in each.message], found


def test_what_was_cut_off_shows_by_a_head() -> None:
    """Of the last chain nobody but the holder of a head knows."""
    log = _log()
    shorter = log.lines[:-2]
    assert _verified(shorter).findings == ()
    (found,) = _verified(shorter, _held(log.lines[-1].link)).findings
    assert found.problem is Problem.TRUNCATED
    assert "the head that is held knows line 8" in found.message
    assert found.place == f"log:{len(shorter)}"


def test_a_head_of_nobody_proves_nothing() -> None:
    """It is told, and not believed."""
    log = _log()
    chain = log.lines[-1].chain
    (found,) = _verified(log.lines, _held(Link("broker", chain, 100, "a" * 64), SealingKey.make())).findings
    assert found.problem is Problem.FOREIGN_HEAD


def test_retention_may_take_what_is_old() -> None:
    """A chain from before that time may be gone, or lack its beginning; what is left of it must fit."""
    log = _log()
    since = chain_name(BEGUN + timedelta(minutes=30), bytes(6))
    assert _verified(log.lines[14:], since=since).findings == ()
    assert _verified(log.lines[5:], since=since).findings == ()
    assert {each.problem for each in _verified(_without(4)(log.lines[5:]), since=since).findings} == {Problem.REMOVED}


def test_an_end_is_told() -> None:
    """A process that ended in order says so, and seals it."""
    log = Log(Random(2))  # noqa: S311 - the same log each time
    chain = log.chain("broker", 2)
    log.lines.append(chain.append(Event(what=What.ENDED)))
    log.seal(chain)
    (summary,) = _verified(log.lines).chains
    assert summary.ended


@pytest.mark.parametrize("before", ["", "2026-11-30T06:00:00Z ", "[pod/moorage-broker-1/broker] "])
def test_a_components_log_has_other_lines_too(before: str) -> None:
    """Only what is under `audit` counts, whatever kubectl writes before it."""
    log = _log()
    text = []
    for line in log.lines:
        told = {"time": "x", "level": "info", "logger": "moorage.audit", "message": "m", "audit": line.document()}
        text.append(before.encode() + orjson.dumps(told) + b"\n")
        text.append(before.encode() + b'{"logger":"x","message":"other"}\n')
        text.append(b"no json at all\n")
    report = verify(entries_of("log", text), [_held(log.lines[-1].link)], TRUSTED.signed)
    assert report.findings == ()
    assert sum(each.lines for each in report.chains) == len(log.lines)
    changed = [each.replace(b"fraud/train-1", b"fraud/train-8") for each in text]
    assert Problem.ALTERED in {each.problem for each in verify(entries_of("log", changed)).findings}
