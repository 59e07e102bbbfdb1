"""Rotation decides from what is, and no client with a published bundle ever meets a leaf that it can't trust."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.x509 import verification
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.serving.certificates import KeyPair, make_authority, make_leaf, read_certificates
from moorage.serving.rotation import Authority, Mint, Plan, State, decide

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("moorage-webhook.moorage-system.svc", "127.0.0.1")
PLAN = Plan(NAMES, authority_life=100 * DAY, leaf_life=12 * DAY, grace=1 * DAY)
MINT = Mint(partial(make_authority, "test"), make_leaf)


def trusts(bundle: bytes, leaf: KeyPair, now: datetime) -> bool:
    """Whether a client with this bundle accepts this server, as a real X.509 verifier sees it."""
    store = verification.Store(x509.load_pem_x509_certificates(bundle))
    verifier = verification.PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(NAMES[0]))
    try:
        verifier.verify(x509.load_pem_x509_certificate(leaf.certificate.pem), [])
    except verification.VerificationError:
        return False
    return True


def fingerprints(state: State) -> frozenset[str]:
    """What is published once this state's bundle is."""
    return frozenset(authority.certificate.fingerprint for authority in state.authorities)


def run(state: State, day: float, published: frozenset[str] | None = None) -> State:
    """Decide at a day, with the state's own bundle published where nothing else is said."""
    return decide(state, START + day * DAY, fingerprints(state) if published is None else published, PLAN, MINT)


def signer(state: State) -> int:
    """Which of the CAs signed the leaf."""
    assert state.leaf is not None
    wanted = state.leaf.certificate.issuer_key_id
    return [authority.certificate.key_id for authority in state.authorities].index(wanted)


@pytest.fixture
def fresh() -> State:
    """The state that the first decision makes, seen published."""
    return run(run(State(), 0), 0)


def second_authority(state: State, day: float, published_since: datetime | None) -> State:
    """The state with a second CA, made at a day."""
    pair = make_authority("test", START + day * DAY, PLAN.authority_life)
    return State((*state.authorities, Authority(pair, published_since)), state.leaf)


def test_first_decision_makes_everything_at_once() -> None:
    """Where nobody knows any CA, there is nobody to wait for."""
    state = run(State(), 0, frozenset())
    assert len(state.authorities) == 1
    assert state.leaf is not None
    assert state.leaf.certificate.names == tuple(sorted(NAMES))
    assert trusts(state.bundle, state.leaf, START)


def test_deciding_again_changes_nothing(fresh: State) -> None:
    """Level-triggered: the same facts give the same state, so replicas do not write in turns."""
    assert run(fresh, 0) is not fresh
    assert run(fresh, 0) == fresh
    assert run(fresh, 5) == fresh


TABLE: dict[str, tuple[float, Callable[[State, State], bool]]] = {
    "a leaf before 2/3 of its life stays": (7.9, lambda old, new: new == old),
    "a leaf after 2/3 of its life is renewed": (8.1, lambda old, new: new.leaf != old.leaf and signer(new) == 0),
    "a leaf that has expired is renewed": (50, lambda old, new: new.leaf != old.leaf and signer(new) == 0),
    "a CA before 2/3 of its life is alone": (66, lambda _, new: len(new.authorities) == 1),
    "a CA after 2/3 of its life gets a successor": (67, lambda _, new: len(new.authorities) == 2 and signer(new) == 0),
    "an expired CA is dropped": (101, lambda old, new: not fingerprints(old) & fingerprints(new)),
}


@pytest.mark.parametrize("case", TABLE)
def test_as_time_passes(case: str, fresh: State) -> None:
    """What one look decides after so many days."""
    day, holds = TABLE[case]
    assert holds(fresh, run(fresh, day))


def test_unpublished_successor_never_signs(fresh: State) -> None:
    """However short the old CA's life has become, a CA that no client knows does not sign."""
    state = second_authority(fresh, 67, None)
    old_only = frozenset({fresh.authorities[0].certificate.fingerprint})
    for day in (70, 80, 90, 99):
        state = run(state, day, old_only)
        assert signer(state) == 0
        assert state.leaf is not None
        assert trusts(fresh.bundle, state.leaf, START + day * DAY)


def test_leaf_at_its_issuers_end_is_not_renewed_in_vain(fresh: State) -> None:
    """Without a successor that may sign, a leaf that lives as long as its CA is left alone."""
    state = second_authority(fresh, 67, None)
    old_only = frozenset({fresh.authorities[0].certificate.fingerprint})
    state = run(state, 98, old_only)
    assert run(state, 99.9, old_only) == state


def test_successor_signs_once_the_old_one_is_too_short_lived(fresh: State) -> None:
    """Until then the old one goes on, so that the new one is known as long as can be."""
    state = second_authority(fresh, 67, START + 67 * DAY)
    assert signer(run(state, 80)) == 0
    assert signer(run(state, 90)) == 1


def test_successor_waits_for_the_grace(fresh: State) -> None:
    """Clients read what is published a while later."""
    state = second_authority(fresh, 67, START + 89.5 * DAY)
    assert signer(run(state, 90)) == 0


def test_publication_that_was_undone_counts_from_anew(fresh: State) -> None:
    """Somebody overwrote the bundle: clients may have read that."""
    state = second_authority(fresh, 67, START + 67 * DAY)
    state = run(state, 68, frozenset({fresh.authorities[0].certificate.fingerprint}))
    assert state.authorities[1].published_since is None
    assert run(state, 69).authorities[1].published_since == START + 69 * DAY


def test_what_could_not_be_looked_at_proves_nothing(fresh: State) -> None:
    """An API server that does not answer changes no date."""
    state = decide(fresh, START + 5 * DAY, None, PLAN, MINT)
    assert state == fresh


def test_other_names_make_another_leaf(fresh: State) -> None:
    """A renamed Service is served at once."""
    plan = Plan(("new.svc",), authority_life=100 * DAY, leaf_life=12 * DAY, grace=1 * DAY)
    state = decide(fresh, START, fingerprints(fresh), plan, MINT)
    assert state.leaf is not None
    assert state.leaf.certificate.names == ("new.svc",)
    assert state.authorities == fresh.authorities


@pytest.mark.parametrize(("authority_days", "names"), [(30, NAMES), (100, ())])
def test_plans_that_can_not_work_are_refused(authority_days: int, names: tuple[str, ...]) -> None:
    """A CA must overlap with its successor by more than a leaf's life."""
    with pytest.raises(InputError):
        Plan(names, authority_life=authority_days * DAY, leaf_life=12 * DAY, grace=DAY)


@dataclass
class World:
    """A Secret, a published bundle, and every bundle that a client may still hold."""

    now: datetime = START
    state: State = field(default_factory=State)
    published: bytes = b""
    replaced: list[tuple[datetime, bytes]] = field(default_factory=list)

    def publish(self, bundle: bytes) -> None:
        """Overwrite the bundle; clients may hold the former for the grace."""
        if bundle != self.published:
            self.replaced.append((self.now, self.published))
            self.published = bundle

    def look(self, *, visible: bool) -> None:
        """One replica's pass, up to the Secret."""
        known = read_certificates(self.published) if self.published else ()
        seen = frozenset(certificate.fingerprint for certificate in known)
        self.state = decide(self.state, self.now, seen if visible else None, PLAN, MINT)

    def bundles_of_clients(self) -> list[bytes]:
        """What clients may trust now."""
        held = [bundle for at, bundle in self.replaced if bundle and self.now - at < PLAN.grace]
        return [*held, self.published] if self.published else held


STEP = st.tuples(
    st.floats(0.01, 3.5),  # days that pass
    st.sampled_from(["look", "look blindly", "look, then publish", "publish late"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, min_size=50, max_size=150), st.sampled_from([12, 6]))
def test_every_client_trusts_every_leaf(steps: list[tuple[float, str]], latest_days: int) -> None:
    """For any rhythm of looks and publications, with pauses shorter than a third of a leaf's life.

    Publishing may fail for long, short of the old CA's end: a world where nobody can publish until then has no way out.
    In some worlds it always works only that late.
    """
    world = World()
    world.look(visible=True)
    world.publish(world.state.bundle)
    for days, what in steps:
        world.now += days * DAY
        late = world.state.authorities[0].certificate.not_after - world.now < latest_days * DAY
        before = world.state.bundle
        world.look(visible=what != "look blindly")
        if late or (what == "look, then publish" and latest_days == 12):
            world.publish(world.state.bundle)
        elif what == "publish late":  # a slow replica writes what was due before this look
            world.publish(before)
        assert world.state.leaf is not None
        for bundle in world.bundles_of_clients():
            assert trusts(bundle, world.state.leaf, world.now)
