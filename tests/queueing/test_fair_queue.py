"""The rates and turns of the fair queue, by a clock of the test's own."""

from moorage.queueing.fair_queue import FairQueue
from moorage.queueing.rate import Rate

EACH = Rate(per_second=2, burst=3)
TOTAL = Rate(per_second=5, burst=8)


def drain(queue: FairQueue[str, None], until: float) -> list[tuple[float, str]]:
    """Take whatever may go, up to a time; gives when, and what."""
    now, taken = 0.0, []
    while (at := queue.ready_at(now)) is not None and at <= until:
        now = at
        item = queue.take(now)
        assert item is not None
        taken.append((now, item[0]))
    return taken


def filled(**counts: int) -> FairQueue[str, None]:
    """A queue with so many items of each tenant."""
    queue: FairQueue[str, None] = FairQueue(EACH, TOTAL)
    for tenant, count in counts.items():
        for number in range(count):
            queue.put(tenant, f"{tenant}{number}", None, 0.0)
    return queue


def test_one_tenant_has_its_burst_and_then_its_rate() -> None:
    """Three at once, then two a second."""
    taken = drain(filled(a=100), until=10)
    assert [when for when, _ in taken[:5]] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert len(taken) == 3 + 2 * 10


def test_all_together_have_a_rate_too() -> None:
    """Twenty tenants of ten items each: eight at once, then five a second."""
    queue = filled(**{f"t{number}-": 10 for number in range(20)})
    assert len(drain(queue, until=10)) == 8 + 5 * 10


def test_many_items_of_one_delay_no_other() -> None:
    """Who comes after ten thousand of somebody else's goes at the first free moment."""
    queue = filled(loud=10_000)
    drain(queue, until=5)
    queue.put("quiet", "q", None, 5.0)
    at = queue.ready_at(5.0)
    assert at is not None
    assert at <= 5.2
    taken = [queue.take(at + 0.5 * step) for step in range(3)]
    assert ("q", None) in taken


def test_a_key_waits_once() -> None:
    """However often it is put in."""
    queue = filled(a=1)
    assert not queue.put("a", "a0", None, 0.0)
    assert drain(queue, until=10) == [(0.0, "a0")]
    assert queue.ready_at(10.0) is None
    assert queue.take(10.0) is None


def test_an_empty_line_does_not_renew_the_burst() -> None:
    """Who comes again and again with one item has no more than who comes with many."""
    queue: FairQueue[str, None] = FairQueue(EACH, Rate(per_second=1000, burst=1000))
    sent, now = 0, 0.0
    while now < 10:
        queue.put("a", "again", None, now)
        if queue.take(now) is not None:
            sent += 1
        now += 0.01
    assert sent <= 3 + 2 * 10
