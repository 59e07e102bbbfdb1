"""Which running mounts must end: only those whose steward wants that, and whose reader the policy refuses now."""

from dataclasses import replace
from typing import Any

import pytest

from broker.reviewing import Circumstances, KnownReader, KnownReaders, review
from moorage.access import Access
from moorage.errors import BrokerError, InputError
from moorage.grants.batches import MOST_ASKED
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.grants.review import Review, read_reviews, read_volumes, write_reviews, write_volumes
from moorage.model import (
    Dataset,
    DatasetRef,
    DatasetUse,
    Governance,
    Pod,
    Revocation,
    Site,
    Source,
    Usage,
    UseAs,
)
from moorage.sites import Inventory, Place
from moorage.sources.s3 import S3Source

CLAIMS = DatasetRef("steward", "claims")
ASKED = GrantQuestion(PodIdentity("fraud", "train", "u-1"), CLAIMS)
EU = Site("eu-1", jurisdiction="DE")
GOVERNED = Governance(purposes=frozenset({"research"}), consumers=frozenset({"fraud/trainer"}))
DATASET = Dataset(CLAIMS, (Source("eu-1", S3Source("https://s3", "b")),), GOVERNED, revocation=Revocation.IMMEDIATE)
PURPOSE = "research"
MOUNT = frozenset({UseAs.MOUNT})
READER = KnownReader("node-1", "fraud", "trainer", "research")


def now(known: dict[DatasetRef, Dataset], listed: frozenset[str] | None = None) -> Circumstances:
    """These Datasets, at the only site."""
    return Circumstances(known.get, listed, Place("eu-1", EU), Inventory.of([EU]))


def reviewed(dataset: Dataset | None, reader: KnownReader = READER, listed: frozenset[str] | None = None) -> Review:
    """As the broker asks."""
    known = {} if dataset is None else {dataset.ref: dataset}
    return review(ASKED, reader, now(known, listed))


@pytest.mark.parametrize(
    ("governance", "rule"),
    [
        (GOVERNED, ""),
        (replace(GOVERNED, purposes=frozenset({"billing"})), "PurposeNotAllowed"),
        (replace(GOVERNED, consumers=frozenset({"fraud/other"})), "ConsumerNotAllowed"),
        (replace(GOVERNED, residency=frozenset({"US"})), "ResidencyViolated"),
        (replace(GOVERNED, sites_deny=frozenset({"eu-1"})), "SiteDenied"),
    ],
)
def test_the_policy_is_asked_again(governance: Governance, rule: str) -> None:
    """Each rule ends a mount; what still holds ends none. A steward who wants mounts kept keeps them."""
    found = reviewed(replace(DATASET, governance=governance))
    assert found.rule == rule
    assert bool(found.message) == bool(rule)
    kept = replace(DATASET, governance=governance, revocation=Revocation.AT_POD_END)
    assert reviewed(kept) == Review(ASKED)


def test_a_namespace_that_no_longer_lists_the_purpose_ends_it() -> None:
    """A purpose that does not count is none."""
    assert reviewed(DATASET, listed=frozenset({"research"})) == Review(ASKED)
    assert reviewed(DATASET, listed=frozenset({"billing"})).rule == "PurposeMissing"


def test_nothing_ends_for_a_dataset_that_nobody_can_read() -> None:
    """Whether its steward wants mounts ended is not known."""
    assert reviewed(None) == Review(ASKED)


RESULTS = DatasetRef("steward", "results")
TARGET = replace(
    DATASET, ref=RESULTS, access=Access.READ_WRITE, governance=replace(GOVERNED, writers=frozenset({"fraud/trainer"}))
)
BUSY = GrantQuestion(ASKED.pod, RESULTS)
WRITER = KnownReader.of(
    "node-1",
    Pod(
        namespace="fraud", name="train", uid="u-1", service_account="trainer",
        usage=Usage((DatasetUse(0, CLAIMS, MOUNT), DatasetUse(1, RESULTS, MOUNT, access=Access.READ_WRITE)), PURPOSE),
    ),
)  # fmt: skip


def both_reviewed(source: Dataset | None, target: Dataset | None) -> tuple[str, str]:
    """The rules by which the volumes of what a writer reads, and of what it writes to, must end."""
    known = {each.ref: each for each in (source, target) if each is not None}
    found = (review(each, WRITER, now(known)) for each in (ASKED, BUSY))
    read, written = (each.rule for each in found)
    return read, written


def ruled(dataset: Dataset, **changes: Any) -> Dataset:  # noqa: ANN401 - fields of Governance
    """The dataset with other rules."""
    return replace(dataset, governance=replace(dataset.governance, **changes))


AT_POD_END = Revocation.AT_POD_END
STRICT = ruled(DATASET, residency=frozenset({"EU"}))
NOBODYS = ruled(TARGET, writers=frozenset())


@pytest.mark.parametrize(
    ("source", "target", "ended"),
    [
        pytest.param(DATASET, TARGET, ("", ""), id="all holds"),
        pytest.param(DATASET, NOBODYS, ("", "WriterNotAllowed"), id="no writer any more"),
        pytest.param(DATASET, replace(NOBODYS, revocation=AT_POD_END), ("", ""), id="whose steward keeps mounts"),
        pytest.param(DATASET, replace(TARGET, access=Access.READ_ONLY), ("", "AccessNotOffered"), id="for reading now"),
        pytest.param(STRICT, TARGET, ("RulesTooWeak", "RulesTooWeak"), id="the source became stricter"),
        pytest.param(STRICT, replace(TARGET, revocation=AT_POD_END), ("RulesTooWeak", ""), id="the source's alone"),
        pytest.param(replace(STRICT, revocation=AT_POD_END), TARGET, ("", "RulesTooWeak"), id="the target's alone"),
        pytest.param(None, TARGET, ("", ""), id="the source is gone"),
        pytest.param(DATASET, None, ("DatasetUnknown", ""), id="the target is gone"),
        pytest.param(replace(DATASET, revocation=AT_POD_END), None, ("", ""), id="whose steward keeps mounts, too"),
    ],
)  # fmt: skip
def test_a_right_to_write_that_ends(source: Dataset | None, target: Dataset | None, ended: tuple[str, str]) -> None:
    """It takes the volume that is written, and what the pod must not carry there any more, with it."""
    assert both_reviewed(source, target) == ended


def test_a_writer_of_two_carries_nothing_from_one_to_the_other() -> None:
    """What it reads of a Dataset that it writes to as well must not go where its rules do not hold."""
    other = replace(TARGET, ref=DatasetRef("steward", "other"), revocation=AT_POD_END)
    uses = tuple(
        DatasetUse(number, ref, MOUNT, access=Access.READ_WRITE) for number, ref in enumerate((RESULTS, other.ref))
    )
    writer = replace(WRITER, usage=Usage(uses, PURPOSE), datasets=frozenset({RESULTS, other.ref}))
    for target, rule in ((TARGET, ""), (ruled(TARGET, residency=frozenset({"EU"})), "RulesTooWeak")):
        known = {RESULTS: target, other.ref: other}
        assert review(BUSY, writer, now(known)).rule == rule


def test_a_reader_of_both_goes_on() -> None:
    """Rules of what others may write are nothing to a pod that writes nothing."""
    known = {STRICT.ref: STRICT, RESULTS: NOBODYS}
    for asked in (ASKED, BUSY):
        assert review(asked, READER, now(known)) == Review(asked)


def test_readers_are_remembered_by_node_and_in_bounds() -> None:
    """Another node learns nothing; who was asked about longest ago is forgotten first."""
    readers = KnownReaders(most=2)
    for uid in ("a", "b"):
        readers.put(uid, READER)
    assert readers.get("a", "node-1") == READER
    assert readers.get("a", "node-2") is None
    readers.put("c", READER)
    assert [uid for uid in "abc" if readers.get(uid, "node-1")] == ["a", "c"]
    readers.put("a", READER)
    assert [uid for uid in "abc" if readers.get(uid, "node-1")] == ["a", "c"]
    several = KnownReaders(most=6)
    several.put("writes", WRITER)
    several.put("a", READER)
    assert several.get("writes", "node-1") == WRITER
    several.put("b", READER)
    assert [uid for uid in ("writes", "a", "b") if several.get(uid, "node-1")] == ["writes", "b"]


def test_what_is_written_reads_back() -> None:
    """Question and answer, in order."""
    other = GrantQuestion(PodIdentity("fraud", "other", "u-2"), CLAIMS)
    assert read_volumes(write_volumes([ASKED, other])) == (ASKED, other)
    told = [Review(ASKED), Review(other, "SiteDenied", "not here")]
    assert read_reviews(200, write_reviews(told), [ASKED, other]) == told


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"volumes": [{}]}', b'{"volumes": 3}', write_volumes([ASKED] * (MOST_ASKED + 1))]
)
def test_what_is_no_question(body: bytes) -> None:
    """An error that names the field; more than a batch is refused."""
    with pytest.raises(InputError):
        read_volumes(body)


def test_the_largest_question_fits() -> None:
    """A batch of the longest names is within the limit on bytes."""
    longest = GrantQuestion(PodIdentity("n" * 63, "p" * 253, "u" * 253), DatasetRef("s" * 63, "d" * 253))
    assert len(read_volumes(write_volumes([longest] * MOST_ASKED))) == MOST_ASKED


@pytest.mark.parametrize(
    ("status", "body"), [(503, {"message": "down"}), (200, None), (200, {"volumes": []}), (200, {"volumes": [3]})]
)
def test_what_is_no_answer_ends_nothing(status: int, body: object) -> None:
    """It is no decision."""
    with pytest.raises(BrokerError):
        read_reviews(status, body, [ASKED])
