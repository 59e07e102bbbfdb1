"""Which running mounts must end: only those whose steward wants that, and whose reader the policy refuses now."""

from dataclasses import replace

import pytest

from broker.reviewing import KnownReader, KnownReaders, review
from moorage.errors import BrokerError, InputError
from moorage.grants.batches import MOST_ASKED
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.grants.review import Review, read_reviews, read_volumes, write_reviews, write_volumes
from moorage.model import Dataset, DatasetRef, Governance, Revocation, Site, Source
from moorage.sites import Inventory, Place
from moorage.sources.s3 import S3Source

CLAIMS = DatasetRef("steward", "claims")
ASKED = GrantQuestion(PodIdentity("fraud", "train", "u-1"), CLAIMS)
EU = Site("eu-1", jurisdiction="DE")
GOVERNED = Governance(purposes=frozenset({"research"}), consumers=frozenset({"fraud/trainer"}))
DATASET = Dataset(CLAIMS, (Source("eu-1", S3Source("https://s3", "b")),), GOVERNED, revocation=Revocation.IMMEDIATE)
READER = KnownReader("node-1", "fraud", "trainer", "research")


def reviewed(dataset: Dataset | None, reader: KnownReader = READER, listed: frozenset[str] | None = None) -> Review:
    """As the broker asks."""
    return review(ASKED, dataset, reader.reading(listed), Place("eu-1", EU), Inventory.of([EU]))


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


def test_readers_are_remembered_by_node_and_in_bounds() -> None:
    """Another node learns nothing; who was asked about longest ago is forgotten first."""
    readers = KnownReaders(most=2)
    for uid in ("a", "b"):
        readers.put(uid, READER)
    assert readers.get("a", "node-1") == READER
    assert readers.get("a", "node-2") is None
    readers.put("c", READER)
    assert [uid for uid in "abc" if readers.get(uid, "node-1")] == ["a", "c"]


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
