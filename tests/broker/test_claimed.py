"""A mount ends with the claim that brought it, and with nothing less."""

from dataclasses import replace

import pytest

from broker.claimed import Held, Holdings, review_claim, unknown_held
from moorage.errors import KubeError, SourceError
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import Dataset, DatasetRef, Source
from moorage.sources.claimed import ClaimedSource, Place
from moorage.sources.location import Location
from moorage.sources.nfs import NfsSource
from moorage.sources.pvc import PvcSource
from moorage.sources.reasons import Reason

SCANS = DatasetRef("steward", "scans")
ASKED = GrantQuestion(PodIdentity("lab", "train", "u1"), SCANS)
CLAIM, EXPORT, OTHER = PvcSource("scans"), NfsSource("n.test", "/a"), NfsSource("n.test", "/b")
HELD = Held("d1", CLAIM, EXPORT)


class Cluster:
    """Says where the claim leads, or why it leads nowhere."""

    def __init__(self, answer: Location | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ClaimedSource, str]] = []

    async def place(self, namespace: str, source: ClaimedSource, dataset_uid: str = "") -> Place:
        """As the prover."""
        self.asked.append((namespace, source, dataset_uid))
        if isinstance(self.answer, Exception):
            raise self.answer
        return Place(self.answer)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (EXPORT, ""),
        (OTHER, "ClaimElsewhere"),
        (SourceError(Reason.CLAIM_NOT_FOUND, "does not exist"), "ClaimNotFound"),
        (SourceError(Reason.CLAIM_NOT_BOUND, "is not bound"), "ClaimNotBound"),
        (SourceError(Reason.CLAIM_ELSEWHERE, "is another's"), "ClaimElsewhere"),
        (SourceError(Reason.CLAIM_FORBIDDEN, "may not be read"), ""),
        (KubeError("the API server is away"), ""),
        (TimeoutError(), ""),
    ],
)
async def test_what_ends_a_mount(answer: Location | Exception, rule: str) -> None:
    """That the claim is gone, or is not what it was; not that nobody says so."""
    cluster = Cluster(answer)
    found, held = await review_claim(cluster, ASKED, HELD)  # type: ignore[arg-type]
    assert (found.rule, bool(found.message)) == (rule, bool(rule))
    assert held == HELD
    assert cluster.asked == [("steward", CLAIM, "d1")]


async def test_a_broker_that_began_later_takes_what_it_finds_first() -> None:
    """And ends what leads nowhere."""
    dataset = Dataset(SCANS, (Source("eu-1", CLAIM),), uid="d1")
    unknown = unknown_held(dataset)
    assert unknown == Held("d1", CLAIM, None)
    found, held = await review_claim(Cluster(EXPORT), ASKED, unknown)  # type: ignore[arg-type]
    assert (found.rule, held) == ("", HELD)
    gone = Cluster(SourceError(Reason.CLAIM_NOT_FOUND, "does not exist"))
    assert (await review_claim(gone, ASKED, unknown))[0].rule == "ClaimNotFound"  # type: ignore[arg-type]


def test_of_what_else_a_pod_may_hold_nothing_is_known() -> None:
    """One of several sources, no claim at all, or a Dataset that is gone."""
    sources = (Source("eu-1", CLAIM), Source("us-1", EXPORT))
    assert unknown_held(Dataset(SCANS, sources)) is None
    assert unknown_held(Dataset(SCANS, sources[1:])) is None
    assert unknown_held(None) is None
    assert Held.of("d1", Source("us-1", EXPORT)) is None
    assert Held.of("d1", replace(Source("eu-1", EXPORT), declared=CLAIM)) == HELD


def test_holdings_are_bounded() -> None:
    """What was asked about longest ago is forgotten first."""
    holdings = Holdings(most=2)
    for uid in ("a", "b"):
        holdings.note(uid, SCANS, HELD)
    assert holdings.get("a", SCANS) == HELD
    holdings.note("c", SCANS, HELD)
    assert [uid for uid in "abc" if holdings.get(uid, SCANS)] == ["a", "c"]
