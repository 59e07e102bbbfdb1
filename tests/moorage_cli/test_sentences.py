"""Governance and places in words."""

import pytest

from moorage.access import Access
from moorage.caching import CacheMode, CachePolicy
from moorage.model import Classification, Component, Dataset, DatasetRef, DatasetStatus, Governance, Release, Revocation
from moorage_cli.sentences import (
    access_sentence,
    amount,
    cache_sentence,
    governance_sentences,
    revocation_sentence,
    seconds_words,
)

CLAIMS = DatasetRef("steward", "claims")


@pytest.mark.parametrize(
    ("governance", "expected"),
    [
        (Governance(), "Readers of its own namespace, steward, may read it"),
        (Governance(), "At any site, for any purpose."),
        (
            Governance(consumers=frozenset({"fraud", "lab/trainer"})),
            "It may be read by namespace fraud and service account lab/trainer and nobody else.",
        ),
        (Governance(purposes=frozenset({"research", "audit"})), "For audit or research only"),
        (Governance(residency=frozenset({"EU"})), "It stays in EU"),
        (Governance(classification=Classification.RESTRICTED), "only sites cleared for restricted"),
        (Governance(sites_allow=frozenset({"eu-1"})), "Only at eu-1."),
        (Governance(sites_deny=frozenset({"us-1", "us-2"})), "Never at us-1 or us-2."),
        (Governance(confidential_compute=True), "Only on nodes that offer confidential compute."),
        (
            Governance(releases=(Release("masked", Component("mask:1"), Governance()),)),
            "Release masked (mask:1) yields data under weaker rules: classification public.",
        ),
    ],
)
def test_each_rule_has_its_sentence(governance: Governance, expected: str) -> None:
    """A steward recognises every rule in what describe prints."""
    assert any(expected in told for told in governance_sentences(CLAIMS, governance))


def test_a_rule_is_never_called_no_rule() -> None:
    """`At any site, for any purpose` stands only where that is so."""
    told = governance_sentences(CLAIMS, Governance(sites_deny=frozenset({"us-1"})))
    assert not any("any site" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("access", "writers", "expected"),
    [
        (Access.READ_ONLY, {"lab"}, "Pods may read it, and none may write to it."),
        (Access.READ_WRITE, None, "accounts of its own namespace (steward) may write to it, with the label"),
        (
            Access.READ_WRITE,
            {"lab", "fraud/x"},
            "namespace lab and service account fraud/x may write to it, with the label",
        ),
    ],
)
def test_who_may_write_in_words(access: Access, writers: set[str] | None, expected: str) -> None:
    """A steward sees that nobody may before it is opened."""
    governance = Governance(writers=None if writers is None else frozenset(writers))
    told = access_sentence(Dataset(CLAIMS, (), governance, access=access))
    assert expected in told


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (CachePolicy(), "Nodes far from every source keep a copy where that pays."),
        (CachePolicy(CacheMode.NONE), "Nodes keep no copies, and mounts nothing of what was read."),
        (CachePolicy(CacheMode.ALWAYS, 2**31), "Each node that reads it keeps a copy, of at most 2 GiB each."),
    ],
)
def test_caches_in_words(policy: CachePolicy, expected: str) -> None:
    """Mode and limit."""
    assert cache_sentence(policy) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (0.0, "0 s"),
        (1.4e-05, "< 0.001 s"),
        (0.1048, "0.1 s"),
        (8.47, "8.5 s"),
        (85.2, "85 s"),
        (600.0, "10 min"),
        (7800.0, "2 h 10 min"),
    ],
)
def test_durations_in_words(seconds: float | None, expected: str) -> None:
    """Two digits are enough to compare sites."""
    assert seconds_words(seconds) == expected


def test_what_a_running_pod_loses() -> None:
    """The two differ, and each says when."""
    assert "until it ends" in revocation_sentence(Revocation.AT_POD_END)
    assert "within a minute" in revocation_sentence(Revocation.IMMEDIATE)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (DatasetStatus(objects=1, size_bytes=13824, format="unknown"), "13.8 kB in 1 object, format unknown"),
        (DatasetStatus(objects=0, size_bytes=0), "0 B in 0 objects, format unknown"),
        (DatasetStatus(objects=2, size_bytes=3 * 10**9, format="parquet"), "3 GB in 2 objects, parquet"),
    ],
)
def test_how_much_there_is(status: DatasetStatus, expected: str) -> None:
    """One object is one, and what is unknown is named."""
    assert amount(status) == expected
