"""Stores that mean harm: every look at one ends in time, in bounded memory, at that host only, with a reason."""

import threading
import time
import tracemalloc

import pytest

from dataset_operator.listing import Budget, Cancellation, list_folder
from dataset_operator.listing.budget import MIB
from dataset_operator.listing.s3 import Access
from moorage.errors import SourceError
from moorage.sources.s3 import S3Source
from moorage.sources.store_addresses import is_refused
from tests.dataset_operator import hostile
from tests.dataset_operator.hostile import Answer, Hostile, hostile_store
from tests.dataset_operator.parsing import looked_into
from tests.dataset_operator.stores import STEWARD, listed
from tests.world import eventually

FOREVER = 120.0


def access(endpoint: str, stop: Cancellation | None = None, **budget: float) -> Access:
    """A folder at such a store."""
    bounds = Budget(**({"request_seconds": 1.0, "silence_seconds": FOREVER} | budget))  # type: ignore[arg-type]
    return Access(S3Source(endpoint, "data"), STEWARD, bounds, stop or Cancellation())


def refusal(place: Access) -> SourceError:
    """How listing it ends."""
    with pytest.raises(SourceError) as caught:
        listed(place)
    return caught.value


@pytest.mark.parametrize("answer", [hostile.drip, hostile.drip_head])
def test_a_drip_does_not_move_the_deadline(answer: Answer) -> None:
    """Bytes come all the time, so that no socket's time-out is met; request and connection end all the same."""
    with hostile_store(answer) as store:
        assert refusal(access(store.endpoint)).reason == "ListTooSlow"
        assert len(store.requests) == 1
        eventually(lambda: store.open == 0)


def test_an_answer_without_end_is_not_kept() -> None:
    """It is read up to the size of a page."""
    with hostile_store(hostile.flood) as store:
        tracemalloc.start()
        error = refusal(access(store.endpoint, request_seconds=FOREVER))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert error.reason == "EndpointNotS3"
        assert peak_bytes < 40 * MIB
        eventually(lambda: store.open == 0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hostile.entities, "EndpointNotS3"),
        (hostile.elements, "EndpointNotS3"),
        (hostile.packed, "EndpointNotS3"),
        (hostile.long_key, "EndpointNotS3"),
        (hostile.huge_sizes, "ListFailed"),
    ],
)
def test_answers_do_not_unfold(answer: Answer, reason: str) -> None:
    """Entities, elements, gzip, keys, sizes: refused before they take memory."""
    with hostile_store(answer) as store:
        tracemalloc.start()
        error = refusal(access(store.endpoint, request_seconds=FOREVER))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert error.reason == reason
        assert peak_bytes < 40 * MIB


@pytest.mark.parametrize(
    ("answer", "budget", "told"),
    [
        (hostile.endless, {"objects": 5000}, "more than 5,000 objects"),
        (hostile.shuffled, {"sort_bytes": 100_000}, "more than 100,000 bytes of keys"),
    ],
)
def test_a_listing_without_end_ends(answer: Answer, budget: dict[str, int], told: str) -> None:
    """By the number of objects, or by the disk's share; the remedy is said."""
    with hostile_store(answer) as store:
        error = refusal(access(store.endpoint, None, request_seconds=FOREVER, **budget))
        assert error.reason == "ListTooLarge"
        assert told in str(error)
        assert "split the folder" in str(error)


@pytest.mark.parametrize(
    "status",
    ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"],
)
def test_redirects_are_not_followed(status: str) -> None:
    """Neither to another port nor, by way of a region, to another name."""
    with hostile_store(hostile.endless) as other, hostile_store(hostile.moved_to(other.endpoint, status)) as store:
        assert refusal(access(store.endpoint)).reason in {"RegionWrong", "RedirectRefused"}
        assert store.requests
        assert not other.requests


@pytest.mark.parametrize(
    "answer", [hostile.drip, hostile.drip_head], ids=["while the body drips", "while the head drips"]
)
def test_cancelling_closes_the_connection(answer: Answer) -> None:
    """The Dataset is gone: its thread comes free, although the store would go on."""
    stop = Cancellation()
    ended: list[SourceError] = []

    def look(store: Hostile) -> None:
        try:
            place = access(store.endpoint, stop, request_seconds=FOREVER)
            list_folder(place, place.budget, stop)
        except SourceError as error:
            ended.append(error)

    with hostile_store(answer) as store:
        thread = threading.Thread(target=look, args=(store,), daemon=True)
        thread.start()
        eventually(lambda: store.sent_bytes > 20)
        stop.cancel()
        thread.join(FOREVER / 4)
        assert [error.reason for error in ended] == ["Interrupted"]
        eventually(lambda: store.open == 0)


@pytest.mark.parametrize("body", [hostile.drip_part, hostile.drip_head])
def test_looking_into_objects_has_a_deadline(body: Answer) -> None:
    """The same drip, when s3fs reads."""
    with hostile_store(hostile.bait(body)) as store:
        place = access(store.endpoint)
        listing = listed(place)
        with pytest.raises(SourceError) as caught:
            looked_into(place, listing)
        assert caught.value.reason == "ListTooSlow"
        eventually(lambda: store.open == 0)


def test_looking_into_objects_reads_what_was_asked_for() -> None:
    """A store that ignores ranges, and sends without end."""
    with hostile_store(hostile.bait(hostile.flood)) as store:
        place = access(store.endpoint, request_seconds=FOREVER)
        listing = listed(place)
        tracemalloc.start()
        with pytest.raises(SourceError) as caught:
            looked_into(place, listing)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert caught.value.reason == "ListFailed"
        assert peak_bytes < 40 * MIB


def test_looking_into_objects_follows_no_redirect() -> None:
    """Nor does s3fs."""
    with hostile_store(hostile.endless) as other:
        redirect = hostile.moved_to(other.endpoint, "307 Temporary Redirect")
        with hostile_store(hostile.bait(redirect)) as store:
            place = access(store.endpoint)
            listing = listed(place)
            with pytest.raises(SourceError):
                looked_into(place, listing)
            assert not other.requests


def test_looking_into_objects_can_be_cancelled() -> None:
    """The Dataset is gone while s3fs waits."""
    stop = Cancellation()
    with hostile_store(hostile.bait(hostile.drip_part)) as store:
        place = access(store.endpoint, stop, request_seconds=FOREVER)
        listing = listed(place)
        threading.Timer(0.5, stop.cancel).start()
        began = time.monotonic()
        with pytest.raises(SourceError) as caught:
            looked_into(place, listing)
        assert caught.value.reason == "Interrupted"
        assert time.monotonic() - began < FOREVER / 4


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://[fd00:ec2::254]",
        "http://0.0.0.0:1",
        "http://2852039166",  # 169.254.169.254 as one number
    ],
)
def test_addresses_that_no_store_has_are_not_called(endpoint: str) -> None:
    """Whatever they are written as; the reason names the field."""
    error = refusal(access(endpoint))
    assert error.reason == "EndpointRefused"
    assert "correct s3.endpoint" in str(error)


def test_addresses_of_clusters_are_called() -> None:
    """Private networks are where stores are."""
    assert not any(map(is_refused, ("10.0.0.1", "192.168.1.1", "127.0.0.1", "::1", "fd12::1", "52.216.1.1")))
