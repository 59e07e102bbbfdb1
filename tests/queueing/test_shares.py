"""Fair shares, by tables and properties: no tenant and no store takes what others need."""

from hypothesis import given
from hypothesis import strategies as st

from moorage.queueing.shares import FairShares, Share

Key = tuple[str, int]


def shares_of(tenant: str, *endpoints: str) -> tuple[Share, ...]:
    """What a key uses."""
    return Share("namespace", tenant), *(Share("endpoint", name) for name in endpoints)


def take_all(shares: FairShares[Key]) -> list[Key]:
    """All that may go now."""
    taken = []
    while (key := shares.take()) is not None:
        taken.append(key)
    return taken


def test_ten_thousand_keys_of_one_tenant_delay_no_other() -> None:
    """The other's key goes next, though it came last; and the many get no more than their share."""
    shares: FairShares[Key] = FairShares(8, {"namespace": 4})
    for number in range(10_000):
        shares.put(("many", number), shares_of("many"), 0)
    assert len(take_all(shares)) == 4
    shares.put(("one", 0), shares_of("one"), 1)
    assert shares.take_this(("one", 0))


def test_tenants_take_turns() -> None:
    """However many keys each has."""
    shares: FairShares[Key] = FairShares(1, {"namespace": 1})
    for number in range(100):
        shares.put(("a", number), shares_of("a"), 0)
    for tenant in ("b", "c"):
        shares.put((tenant, 0), shares_of(tenant), 0)
    order = []
    for _ in range(4):
        key = shares.take()
        assert key is not None
        order.append(key[0])
        shares.done(key, 0)
    assert order == ["a", "b", "c", "a"]


def test_a_store_that_is_full_holds_up_its_own_only() -> None:
    """A tenant's other stores go on, and so does another tenant."""
    shares: FairShares[Key] = FairShares(8, {"namespace": 4, "endpoint": 2})
    for number in range(200):
        shares.put(("a", number), shares_of("a", "slow"), 0)
    shares.put(("a", 999), shares_of("a", "good"), 0)
    shares.put(("b", 0), shares_of("b", "slow"), 0)
    first = take_all(shares)
    assert first[:2] == [("a", 0), ("b", 0)]
    for _ in range(3):  # a line is looked through by pieces
        first += take_all(shares)
    assert ("a", 999) in first
    assert len(first) == 3
    shares.done(("a", 0), 1)
    following = shares.take()
    assert following is not None
    assert following[0] == "a"


def test_starving_is_told_of_the_tenant_that_has_nothing() -> None:
    """A tenant whose own keys fill its share does not starve."""
    shares: FairShares[Key] = FairShares(1)
    for number in range(3):
        shares.put(("a", number), shares_of("a"), 0)
    assert shares.take() == ("a", 0)
    assert shares.starved(100) == ("", 0.0)
    shares.put(("b", 0), shares_of("b"), 40)
    assert shares.starved(100) == ("b", 60)
    shares.done(("a", 0), 100)
    assert shares.take() == ("a", 1) or shares.starved(100)[0] == "a"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "take", "take_this", "done", "discard"]), st.sampled_from("abc"), st.integers(0, 5)
    ),
    max_size=200,
)


@given(STEPS)
def test_bounds_hold_and_no_key_is_lost(steps: list[tuple[str, str, int]]) -> None:  # noqa: C901 - a small machine
    """Whatever happens in whatever order: no bound is passed, and in the end everything that waits has gone."""
    shares: FairShares[Key] = FairShares(4, {"namespace": 2, "endpoint": 2})
    waiting: set[Key] = set()
    running: list[Key] = []

    def started(key: Key) -> None:
        waiting.remove(key)
        running.append(key)

    for step, tenant, number in steps:
        key = (tenant, number)
        if step == "put" and key not in running:
            shares.put(key, shares_of(tenant, str(number % 2)), 0)
            waiting.add(key)
        elif step == "take" and (taken := shares.take()) is not None:
            started(taken)
        elif step == "take_this" and shares.take_this(key):
            started(key)
        elif step == "discard":
            shares.discard(key)
            waiting.discard(key)
        elif step == "done" and running:
            shares.done(running.pop(0), 0)
        assert len(running) <= 4
        for name in "abc":
            assert sum(key[0] == name for key in running) <= 2
        assert {key for key in waiting if shares.waits(key)} == waiting
    while waiting or running:
        while (taken := shares.take()) is not None:
            started(taken)
        assert running, waiting
        shares.done(running.pop(0), 0)
