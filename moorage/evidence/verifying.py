"""Finds what is wrong with lines of evidence: altered, removed, reordered, doubled, forked, truncated, not ours.

Lines may come in any mix of chains; within a chain their order counts. What can't be seen: lines cut off at the end of
a chain beyond all that anybody holds of it (a seal, a head, a later chain that names it).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from moorage.errors import InputError
from moorage.evidence.findings import ChainSummary, Finding, Problem, Report
from moorage.evidence.heads import Head, sealed_head
from moorage.evidence.line import NOTHING_BEFORE, Link, What, read_line


class Entry(NamedTuple):
    """A line to verify and its place, as `broker.log:17`."""

    place: str
    raw: bytes


class Held(NamedTuple):
    """A head that somebody holds, and where it comes from."""

    place: str
    head: Head


class _Seen(NamedTuple):
    place: str
    sequence: int
    previous: str
    hash: str
    what: What
    time: str


class _Claim(NamedTuple):
    """A claim that a chain goes at least so far."""

    place: str
    by: str
    link: Link


class Verifier:
    """A verifier that takes lines one by one, keeps what the report needs of each, and then judges."""

    def __init__(self) -> None:
        self._chains: dict[tuple[str, str], list[_Seen]] = {}
        self._claims: list[_Claim] = []
        self._seals: list[Held] = []
        self._findings: list[Finding] = []

    def add(self, entry: Entry) -> None:
        """Take a line, or what is to be one."""
        try:
            line = read_line(entry.raw)
        except InputError as error:
            message = f"this line was changed: {error.field} {error.problem}"
            self._findings.append(Finding(Problem.ALTERED, entry.place, "", message))
            return
        what = line.event.what
        seen = _Seen(entry.place, line.sequence, line.previous, line.hash, what, line.time)
        self._chains.setdefault((line.component, line.chain), []).append(seen)
        if what in {What.BEGUN, What.LINKED}:
            by = f"{line.component}/{line.chain}, line {line.sequence},"
            self._claims += [_Claim(entry.place, by, link) for link in line.event.chains or ()]
        if what is What.SEALED:
            if (head := sealed_head(line)) is not None:
                self._seals.append(Held(entry.place, head))
            else:
                message = "a seal without a key or a signature"
                self._findings.append(Finding(Problem.FOREIGN_HEAD, entry.place, _name(line.link), message))

    def report(
        self, held: Sequence[Held] = (), signed: Callable[[Head], bool] | None = None, since: str = ""
    ) -> Report:
        """Return the findings; the arguments are those of `verify`."""
        findings = list(self._findings)
        genuine: list[Held] = []
        for each in (*_last_seals(self._seals, signed), *held):
            if signed is None or signed(each.head):
                genuine.append(each)
            else:
                message = f"is signed by no key that is trusted (it names {each.head.key[:16]})"
                findings.append(Finding(Problem.FOREIGN_HEAD, each.place, _name(each.head.link), message))
        sealed_to: dict[tuple[str, str], int] = {}
        for each in genuine:
            link = each.head.link
            key = (link.component, link.chain)
            sealed_to[key] = max(link.sequence, sealed_to.get(key, 0))
        summaries = []
        for key, seen in sorted(self._chains.items()):
            whole = list(_in_order(key, seen, findings))
            findings += _links(key, whole, may_lack_beginning=key[1] < since)
            sealed = None if signed is None else sealed_to.get(key)
            if signed is not None and sealed is None:
                message = "no trusted seal or head covers any line of this chain: it may be anybody's"
                findings.append(Finding(Problem.UNSEALED, whole[0].place, "/".join(key), message))
            summaries.append(_summary(key, whole, sealed))
        theirs = {each.place for each in self._seals}
        claims = [
            _Claim(each.place, "the head that is held", each.head.link) for each in genuine if each.place not in theirs
        ]
        findings += _broken([*self._claims, *claims], self._chains, since)
        return Report(tuple(findings), tuple(summaries))


def _last_seals(seals: Sequence[Held], signed: Callable[[Head], bool] | None) -> Iterator[Held]:
    """Yield each chain's seals from its end to the first genuine one, which covers all before it."""
    covered: set[tuple[str, str]] = set()
    for each in sorted(seals, key=lambda each: each.head.link.sequence, reverse=True):
        key = (each.head.link.component, each.head.link.chain)
        if key not in covered:
            yield each
            if signed is None or signed(each.head):
                covered.add(key)


def verify(
    entries: Iterable[Entry],
    held: Sequence[Held] = (),
    signed: Callable[[Head], bool] | None = None,
    since: str = "",
) -> Report:
    """Look at all lines of some chains.

    Args:
        entries: the lines.
        held: heads from elsewhere.
        signed: whether a head is signed by a key that is trusted; None: nobody knows the keys.
        since: chains whose names come before this may have lost their beginning, or be gone: retention took them.
    """
    verifier = Verifier()
    for entry in entries:
        verifier.add(entry)
    return verifier.report(held, signed, since)


def _summary(key: tuple[str, str], whole: Sequence[_Seen], sealed_to: int | None) -> ChainSummary:
    first, last = whole[0], whole[-1]
    return ChainSummary(
        name="/".join(key),
        lines=len(whole),
        first=first.sequence,
        last=last.sequence,
        sealed_to=sealed_to,
        begun=first.time,
        latest=last.time,
        # A seal may follow.
        ended=any(each.what is What.ENDED for each in whole[-2:]),
    )


def _in_order(key: tuple[str, str], seen: Sequence[_Seen], findings: list[Finding]) -> Iterator[_Seen]:
    """Yield the lines of a chain by their numbers, each once."""
    name = "/".join(key)
    known: dict[int, _Seen] = {}
    highest = -1
    for each in seen:
        other = known.get(each.sequence)
        if other is None:
            known[each.sequence] = each
            if each.sequence < highest:
                message = f"line {each.sequence} comes after line {highest}"
                findings.append(Finding(Problem.REORDERED, each.place, name, message))
            highest = max(highest, each.sequence)
        elif other.hash == each.hash:
            message = f"line {each.sequence} is there twice: it stands at {other.place} too"
            findings.append(Finding(Problem.DOUBLED, each.place, name, message))
        else:
            message = f"there are two lines {each.sequence} that differ: the other stands at {other.place}"
            findings.append(Finding(Problem.FORKED, each.place, name, message))
    yield from (known[number] for number in sorted(known))


def _links(key: tuple[str, str], whole: Sequence[_Seen], *, may_lack_beginning: bool) -> Iterator[Finding]:
    """Check that each line names the one before it."""
    name = "/".join(key)
    first = whole[0]
    if first.sequence > 0:
        if not may_lack_beginning:
            yield Finding(Problem.REMOVED, first.place, name, f"before it, {_lines(0, first.sequence - 1)} missing")
    elif first.previous != NOTHING_BEFORE or first.what is not What.BEGUN:
        yield Finding(Problem.ALTERED, first.place, name, "line 0 is not how a chain begins")
    for before, after in pairwise(whole):
        if after.sequence != before.sequence + 1:
            missing = _lines(before.sequence + 1, after.sequence - 1)
            yield Finding(Problem.REMOVED, after.place, name, f"before it, {missing} missing")
        elif after.previous != before.hash:
            message = f"line {before.sequence} is not the one that line {after.sequence} (at {after.place}) names"
            yield Finding(Problem.ALTERED, before.place, name, message)
        if after.what is What.BEGUN:
            yield Finding(Problem.ALTERED, after.place, name, f"line {after.sequence} begins the chain once more")


def _broken(claims: Iterable[_Claim], chains: dict[tuple[str, str], list[_Seen]], since: str) -> Iterator[Finding]:
    """Report claims about chains that these lines contradict."""
    told: set[tuple[Problem, str, int]] = set()
    for claim in claims:
        link = claim.link
        finding = _against(claim, chains.get((link.component, link.chain)), since)
        if finding is not None and (finding.problem, finding.chain, link.sequence) not in told:
            told.add((finding.problem, finding.chain, link.sequence))
            yield finding


def _against(claim: _Claim, seen: Sequence[_Seen] | None, since: str) -> Finding | None:
    link, name = claim.link, _name(claim.link)
    if seen is None:
        if link.chain < since:
            return None
        message = f"the whole chain is missing: {claim.by} knows {link.sequence + 1:,} lines of it"
        return Finding(Problem.REMOVED, claim.place, name, message)
    last = max(seen, key=lambda each: each.sequence)
    if last.sequence < link.sequence:
        message = f"it ends with line {last.sequence}, and {claim.by} knows line {link.sequence}"
        return Finding(Problem.TRUNCATED, last.place, name, message)
    here = [each for each in seen if each.sequence == link.sequence]
    if here and all(each.hash != link.hash for each in here):
        message = f"line {link.sequence} is not the one that {claim.by} knows"
        return Finding(Problem.FORKED, here[0].place, name, message)
    return None


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


def _name(link: Link) -> str:
    return f"{link.component}/{link.chain}"
