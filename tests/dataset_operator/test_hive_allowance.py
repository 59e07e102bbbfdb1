"""However many answers a metastore gives, one look takes a bounded part of the operator's time and memory."""

import tracemalloc
from dataclasses import replace

import pytest

from dataset_operator.listing import Budget, Cancellation
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.hive.line import line_to
from dataset_operator.listing.hive.metastore import MOST_PARTITIONS, read_partitions, read_table
from moorage.errors import SourceError
from tests.dataset_operator.scripted_metastore import Script, partition, scripted

MIB = 1024 * 1024
NAMES = [f"day={number:05}" for number in range(MOST_PARTITIONS)]
PLAIN = Script((("id", "note"), ("day",)), NAMES, lambda asked: [partition("1", "s3://data/t/day=1")] * asked)
# One such character makes each of the others take four bytes in memory.
WIDE = "\N{PILE OF POO}"


def look(script: Script, allowance: Allowance) -> list[tuple[str, str]]:
    """Look a table and its partitions up."""
    with scripted(script) as url, line_to(url, Budget(), allowance, Cancellation()) as line:
        table = read_table(line, url, "default", "t")
        return read_partitions(line, url, "default", "t", table)


def test_as_many_partitions_as_a_table_may_have_fit() -> None:
    """With locations longer than anybody writes."""
    location = f"s3://data/t/{'x' * 400}"
    some = replace(PLAIN, some=lambda asked: [partition("1", location)] * asked)
    assert look(some, Allowance("t")) == [("day=1", location)] * MOST_PARTITIONS


def test_what_is_held_is_bounded_in_the_size_that_it_has_in_memory() -> None:
    """Each answer is small, and all of them together would be ten times what a look may hold."""
    fat = partition("1", f"s3://data/t/{'x' * 4000}{WIDE}")
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="together are more than one look may take: split the table") as caught:
            look(replace(PLAIN, some=lambda asked: [fat] * asked), Allowance("t"))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "ListTooLarge"
    assert most_bytes < 40 * MIB  # the server's answers are in it, too


@pytest.mark.parametrize("left", [{"sent_bytes": 500_000}, {"values": 50_000}, {"held_bytes": 2 * MIB}])
def test_all_answers_together_are_bounded(left: dict[str, int]) -> None:
    """Though none of them is near a bound of its own: 20 answers of 500 partitions each."""
    with pytest.raises(SourceError) as caught:
        look(PLAIN, Allowance("t", **left))
    assert caught.value.reason == "ListTooLarge"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            replace(PLAIN, some=lambda asked: PLAIN.some(asked + 1)),
            r"answers with (\d+) partitions where (?!\1)\d+ were asked for",
        ),
        (replace(PLAIN, names=["v" * 1025]), "name has more than 1,024 characters"),
        (replace(PLAIN, names=[*NAMES, "day=x"]), "has more than 10,000 partitions"),
        (replace(PLAIN, some=lambda _: [partition("1", "s" * 4097)]), "a location has more than 4,096 characters"),
        (replace(PLAIN, some=lambda _: [partition("1", WIDE * 4097)]), "a location has more than 4,096 characters"),
        (replace(PLAIN, some=lambda _: [partition("v" * 1024, "s3://data/t")]), "name has more than 1,024 characters"),
    ],
)
def test_no_answer_is_longer_than_its_question(script: Script, told: str) -> None:
    """More partitions than were asked for, and texts that no table has, are refused; none is cut to something else."""
    with pytest.raises(SourceError, match=told):
        look(script, Allowance("t"))
