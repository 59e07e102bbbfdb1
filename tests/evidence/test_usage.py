"""Grants, folded by reader: who was given what since when."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.line import Event, Line
from moorage.evidence.usage import Reading, fold
from tests.evidence.logs import BEGUN, granted, refused, ticking


def _lines(*events: Event) -> list[Line]:
    chain = Chain("broker", chain_name(BEGUN, b"random"), ticking())
    return [chain.append(event) for event in events]


def test_one_row_a_reader() -> None:
    """Refusals give nobody anything; who writes is another row; a mount that is made anew is the same pod."""
    again = granted(3)
    writing = replace(granted(6), access="readWrite", purpose="research")
    lines = _lines(granted(0), refused(1), again, again, writing)
    found = fold(lines)
    reader = Reading("steward/claims-0", "fraud/trainer", "", "eu-1", "readOnly")
    writer = Reading("steward/claims-0", "fraud/trainer", "research", "eu-1", "readWrite")
    assert list(found) == [reader, writer]
    assert (found[reader].first, found[reader].last) == (lines[0].time, lines[3].time)
    assert sorted(found[reader].pods.values()) == ["fraud/train-0", "fraud/train-3"]
    assert found[reader].versions == {"0" * 64, "0" * 63 + "3"}
    assert found[writer].pods == {"uid-6": "fraud/train-6"}


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20), st.randoms())
def test_the_order_of_lines_does_not_matter(numbers: list[tuple[int, bool]], random: Random) -> None:
    """Chains are read one after the other, whenever their lines were written."""
    lines = _lines(*(granted(number) if given_out else refused(number) for number, given_out in numbers))
    mixed = list(lines)
    random.shuffle(mixed)
    assert fold(mixed) == fold(lines)
    assert sum(len(usage.pods) for usage in fold(lines).values()) == len({n for n, given_out in numbers if given_out})
