"""How many pods read a dataset at a site, as the broker counts them."""

from broker.site_reads import MOST_PAIRS, MOST_READS, SiteReads
from moorage.locality.filling import HORIZON_SECONDS
from moorage.model import DatasetRef

CLAIMS, OTHER = DatasetRef("steward", "claims"), DatasetRef("steward", "other")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_pod_counts_once_and_not_for_itself() -> None:
    """However often the kubelet, or a fill, asks for it."""
    reads = SiteReads(Clock())
    assert [reads.note(CLAIMS, "eu-1", uid) for uid in ("a", "a", "b", "a", "c", "c")] == [0, 0, 1, 1, 2, 2]


def test_each_dataset_counts_at_each_site_for_itself() -> None:
    """A copy serves one dataset, to one site."""
    reads = SiteReads(Clock())
    reads.note(CLAIMS, "eu-1", "a")
    assert reads.note(CLAIMS, "us-1", "b") == 0
    assert reads.note(OTHER, "eu-1", "b") == 0


def test_reads_are_forgotten_after_the_horizon() -> None:
    """Those of a pod count from its first question on, however long it goes on asking."""
    clock = Clock()
    reads = SiteReads(clock)
    reads.note(CLAIMS, "eu-1", "a")
    clock.now = HORIZON_SECONDS - 1
    reads.note(CLAIMS, "eu-1", "a")
    assert reads.note(CLAIMS, "eu-1", "b") == 1
    clock.now = HORIZON_SECONDS
    assert reads.note(CLAIMS, "eu-1", "c") == 1


def test_what_is_remembered_is_bounded() -> None:
    """A tenant makes pods without end, and Datasets."""
    reads = SiteReads(Clock())
    assert max(reads.note(CLAIMS, "eu-1", str(number)) for number in range(10_000)) == MOST_READS - 1
    for number in range(MOST_PAIRS):
        reads.note(DatasetRef("tenant", f"d{number}"), "eu-1", "a")
    assert reads.note(CLAIMS, "eu-1", "again") == 0
