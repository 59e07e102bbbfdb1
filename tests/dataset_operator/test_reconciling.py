"""When a status is written, what of it stays, and what a transition is."""

from dataclasses import replace
from typing import Any

import pytest

from dataset_operator import status
from dataset_operator.controller import pause_after
from dataset_operator.findings import data_identity
from dataset_operator.reconciling import Facts, reconcile
from moorage.errors import InputError
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from moorage.wire import read_dataset_status
from tests.builders import make_dataset
from tests.dataset_operator.looks import BOTH, failed, look, s3, seen, with_sources

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
GOOD = look(seen(s3("eu-1")))
FACTS = Facts(
    dataset=with_sources(make_dataset("claims").obj(), GOOD),
    problem=None,
    generation=1,
    raw_status={},
    status_is_about_it=True,
    findings=GOOD,
    users=(),
    inventory=BOTH,
)
WRITTEN = reconcile(FACTS, THEN)


def with_status(**changes: Any) -> Facts:  # noqa: ANN401
    """The facts a day later."""
    return replace(FACTS, raw_status=WRITTEN, **changes)


def ready(written: dict[str, Any]) -> dict[str, Any]:
    """Its Ready condition."""
    found: dict[str, Any] = next(entry for entry in written["conditions"] if entry["type"] == "Ready")
    return found


def test_the_whole_status() -> None:
    """In the API's words; what is not known or empty is absent."""
    assert set(WRITTEN) == {
        "observedGeneration",
        "conditions",
        "bytes",
        "objects",
        "version",
        "format",
        "schema",
        "sites",
        "sources",
        "inUseCount",
    }
    assert WRITTEN["schema"] == [{"name": "id", "type": "int64", "nullable": True}]
    listed = {"site": "eu-1", "reachable": True, "reason": "Listed", "bytes": 4096, "objects": 4, "version": "v1"}
    assert WRITTEN["sources"] == [listed]
    assert read_dataset_status(WRITTEN).ready is True


def test_nothing_new_is_not_written() -> None:
    """The same look a day later patches nothing."""
    assert status.patch_for(WRITTEN, reconcile(with_status(), NOW)) is None


def test_times_move_only_where_a_status_turned() -> None:
    """A new message is no transition."""
    lost = reconcile(with_status(findings=look(failed(s3("eu-1")))), NOW)
    assert ready(lost)["lastTransitionTime"] == NOW
    again = reconcile(
        replace(FACTS, raw_status=lost, findings=look(failed(s3("eu-1"), "AccessDenied"))), "2026-01-03T00:00:00Z"
    )
    assert (ready(again)["reason"], ready(again)["lastTransitionTime"]) == ("AccessDenied", NOW)


def test_what_is_gone_is_removed() -> None:
    """A field that the new status lacks is patched away, not left behind."""
    used = reconcile(replace(FACTS, users=("lab/p",)), THEN)
    assert used["inUseBy"] == ["lab/p"]
    patch = status.patch_for(used, WRITTEN)
    assert patch is not None
    assert patch["inUseBy"] is None


def test_a_restarted_operator_leaves_what_the_last_one_said() -> None:
    """Before its own first look it changes nothing but the users."""
    restarted = reconcile(with_status(findings=None, users=("lab/p",)), NOW)
    assert ready(restarted) == ready(WRITTEN)
    assert status.patch_for(WRITTEN, reconcile(with_status(findings=None), NOW)) is None
    assert restarted["version"] == "v1"
    assert restarted["inUseBy"] == ["lab/p"]


def test_other_data_has_no_old_version() -> None:
    """A spec that names another bucket must not be served under the old one's version."""
    moved = reconcile(with_status(generation=2, findings=None, status_is_about_it=False), NOW)
    assert ready(moved)["reason"] == "Looking"
    assert "version" not in moved
    assert "bytes" not in moved


def test_an_invalid_spec_keeps_the_data() -> None:
    """Until it is mended."""
    problem = InputError("Dataset steward/claims", "spec.sources", "is required")
    written = reconcile(with_status(dataset=None, problem=problem, generation=2), NOW)
    assert (ready(written)["reason"], written["version"]) == ("InvalidSpec", "v1")


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ({}, "Ready"),
        (WRITTEN, None),
        (reconcile(replace(FACTS, findings=look(failed(s3("eu-1")))), THEN), "Ready"),
    ],
)
def test_transitions(before: dict[str, Any], told: str | None) -> None:
    """An Event is due when Ready's status or reason is new, not at every write."""
    found = status.transition(before, WRITTEN)
    assert (found.reason if found else None) == told


def test_which_data_a_source_is() -> None:
    """Other keys or slashes are the same data; another folder is not."""
    location = s3("eu-1").location
    assert isinstance(location, S3Source)
    same = replace(location, secret_name="others", prefix="/claims", inline_credentials=Credentials("a", "b"))
    other = replace(location, prefix="claims2")
    one = data_identity((replace(s3("eu-1"), location=location),))
    assert one == data_identity((replace(s3("eu-1"), location=same),))
    assert one != data_identity((replace(s3("eu-1"), location=other),))


@pytest.mark.parametrize(
    ("look_seconds", "failures", "pause"),
    [(0.1, 0, 60), (30, 0, 300), (0.1, 1, 2), (0.1, 3, 8), (0.1, 9, 60), (0.1, 5000, 60)],
)
def test_pauses(look_seconds: float, failures: int, pause: float) -> None:
    """A failure is looked at again soon, then ever later; a long listing takes a tenth of the time at most."""
    assert pause_after(60, look_seconds, failures) == pause
