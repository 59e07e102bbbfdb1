"""When a cache pays, and what leaves it first: semantics of a cache, as tables and properties."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.caching import CacheMode
from moorage.locality.evicting import HeldVersion, choose_evictions
from moorage.locality.filling import Bringing, FillRule, Readers, bringing, decide_fill, reads_that_pay
from moorage.model import DatasetRef, Link
from moorage.sites import Inventory
from tests.builders import make_dataset, make_site

FAR = Bringing(missing_bytes=10**9, far_seconds=10.0, disk_seconds=1.0)
NEAR = Bringing(missing_bytes=10**9, far_seconds=1.0, disk_seconds=1.0)
INVENTORY = Inventory.of(
    [
        make_site("eu-1", "DE", links={"us-1": Link(bytes_per_second=100e6, latency_seconds=0.5)}),
        make_site("us-1", "US"),
    ]
)


@pytest.mark.parametrize(
    ("mode", "brought", "readers", "rule"),
    [
        (CacheMode.AUTO, FAR, Readers(), FillRule.DOES_NOT_PAY),
        (CacheMode.AUTO, FAR, Readers(expected_reads=1), FillRule.DOES_NOT_PAY),  # 9 s saved, 10 s paid
        (CacheMode.AUTO, FAR, Readers(expected_reads=2), FillRule.PAYS),
        (CacheMode.AUTO, FAR, Readers(seen_reads=2), FillRule.PAYS),
        (CacheMode.AUTO, FAR, Readers(seen_reads=1, whole_files=True), FillRule.PAYS),
        (CacheMode.AUTO, FAR, Readers(whole_files=True), FillRule.DOES_NOT_PAY),
        (CacheMode.AUTO, FAR, Readers(seen_reads=10, share_read=0.1), FillRule.DOES_NOT_PAY),  # pruned columns
        (CacheMode.AUTO, FAR, Readers(seen_reads=12, share_read=0.1), FillRule.PAYS),
        (CacheMode.AUTO, NEAR, Readers(seen_reads=1000, whole_files=True), FillRule.DOES_NOT_PAY),
        (CacheMode.NONE, FAR, Readers(seen_reads=1000, asked=True), FillRule.MODE_NONE),
        (CacheMode.ALWAYS, NEAR, Readers(), FillRule.MODE_ALWAYS),
        (CacheMode.AUTO, NEAR, Readers(asked=True), FillRule.ASKED_FOR),
        (
            CacheMode.ALWAYS,
            Bringing(missing_bytes=0, far_seconds=0.0, disk_seconds=0.0),
            Readers(),
            FillRule.NOTHING_MISSING,
        ),
        (
            CacheMode.ALWAYS,
            Bringing(missing_bytes=9, far_seconds=None, disk_seconds=0.0),
            Readers(),
            FillRule.NO_SOURCE,
        ),
    ],
)
def test_a_fill_is_decided_by_the_first_rule_that_applies(
    mode: CacheMode, brought: Bringing, readers: Readers, rule: FillRule
) -> None:
    """Modes and wishes overrule; else what is saved must exceed what is paid."""
    decision = decide_fill(mode, brought, readers)
    assert decision.rule is rule
    assert decision.fill == (rule in {FillRule.PAYS, FillRule.ASKED_FOR, FillRule.MODE_ALWAYS})
    assert decision.message.endswith(".")


@given(far=st.floats(0.01, 1e5), disk=st.floats(0.01, 1e5), share=st.floats(0.01, 1.0), whole_files=st.booleans())
def test_the_least_reads_that_pay_are_the_least(far: float, disk: float, share: float, *, whole_files: bool) -> None:
    """With so many a fill pays, with one less it does not; where none are enough, a thousand are not."""
    brought = Bringing(missing_bytes=1, far_seconds=far, disk_seconds=disk)
    readers = Readers(share_read=share, whole_files=whole_files)
    least = reads_that_pay(brought, readers)
    reads = 1000 if least is None else least
    paying = decide_fill(CacheMode.AUTO, brought, replace(readers, seen_reads=reads))
    assert paying.fill is (least is not None)
    if least is not None:
        assert not decide_fill(CacheMode.AUTO, brought, replace(readers, seen_reads=least - 1)).fill


def test_no_reads_pay_for_what_nobody_can_bring() -> None:
    """Nor for what is near."""
    assert reads_that_pay(Bringing(missing_bytes=1, far_seconds=None, disk_seconds=1.0), Readers()) is None
    assert reads_that_pay(NEAR, Readers()) is None
    assert reads_that_pay(FAR, Readers()) == 2


def test_the_figures_are_those_of_the_semantics() -> None:
    """Seconds over the link against seconds from the disk, for the reads that are expected."""
    dataset = make_dataset("claims").at("eu-1").sized(10**9).obj()
    brought = bringing(dataset, "us-1", 0, INVENTORY)
    assert (brought.missing_bytes, brought.disk_seconds) == (10**9, 1.0)
    assert brought.far_seconds == pytest.approx(10.5)
    decision = decide_fill(CacheMode.AUTO, brought, Readers(expected_reads=3, share_read=0.5))
    assert decision.saves_seconds == pytest.approx(3 * 0.5 * 9.5)
    assert decision.costs_seconds == pytest.approx(10.5)
    assert decision.message == "A cache pays on this node: 3 more reads expected, saving 14.2 s for a fill of 10.5 s."


@given(
    missing=st.integers(1, 10**13),
    reads=st.integers(0, 10**6),
    share=st.floats(0, 1),
    whole=st.booleans(),
)
def test_a_source_in_the_nodes_own_site_is_never_cached(missing: int, reads: int, share: float, whole: bool) -> None:  # noqa: FBT001
    """Whatever is read however often."""
    dataset = make_dataset("claims").at("eu-1").sized(missing).obj()
    brought = bringing(dataset, "eu-1", 0, INVENTORY)
    readers = Readers(seen_reads=reads, share_read=share, whole_files=whole)
    assert not decide_fill(CacheMode.AUTO, brought, readers).fill


def held(name: str, size_bytes: int, seconds: float, hours: float, *, in_use: bool = False) -> HeldVersion:
    """One version."""
    return HeldVersion(
        ref=DatasetRef("steward", name),
        version="v",
        size_bytes=size_bytes,
        bring_seconds=seconds,
        hours_since_read=hours,
        in_use=in_use,
    )


@pytest.mark.parametrize(
    ("versions", "free_bytes", "names"),
    [
        ([held("near", 100, 1, 1), held("far", 100, 10, 1)], 50, ["near"]),
        ([held("fresh", 100, 1, 1), held("old", 100, 1, 10)], 50, ["old"]),
        ([held("small", 10, 1, 1), held("large", 100, 1, 1)], 5, ["large"]),  # fewer seconds per byte
        ([held("near", 100, 1, 1), held("far", 100, 10, 1)], 150, ["near", "far"]),
        ([held("used", 100, 1, 100, in_use=True), held("free", 100, 10, 1)], 50, ["free"]),
        ([held("used", 100, 1, 100, in_use=True)], 50, None),
        ([held("free", 100, 1, 1)], 101, None),
        ([held("free", 100, 1, 1)], 0, []),
        ([held("gone", 100, math.inf, 1), held("far", 100, 10, 1)], 50, ["far"]),
    ],
)
def test_what_costs_least_to_bring_back_leaves_first(
    versions: list[HeldVersion], free_bytes: int, names: list[str] | None
) -> None:
    """Per byte and hour since the last read; never what is in use."""
    chosen = choose_evictions(versions, free_bytes)
    assert (None if chosen is None else [version.ref.name for version in chosen]) == names
