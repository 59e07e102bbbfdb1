"""Rotation of a CA bundle and its leaf: level-triggered and pure, over frozen data.

The aim: at every moment, a client that holds any bundle that was published within the grace trusts the leaf that is
served. So there are always one or two CAs:

    |---------------- old CA ----------------|
                             |---- new CA, published but not signing ----|--- signing ---
                             ^ 2/3 of the old CA's life                   ^ the old CA can't outlive another leaf

A new CA is published as soon as it exists, but signs only after the published bundle has been seen to contain it for
`grace` without a break, and then only once the old one is too short-lived to sign another leaf. A leaf is renewed at
2/3 of its life. Expired CAs leave the bundle. Only where no CA is left that clients could know (the first start, or the
Secret was lost) a new one signs at once: there is nobody to disappoint.

`decide` is called again and again with what is (never with what happened), in any replica, after any pause.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from moorage.errors import InputError
from moorage.serving.certificates import Certificate, KeyPair


@dataclass(frozen=True, slots=True)
class Plan:
    """The lives of certificates.

    Attributes:
        names: DNS names and IP addresses of the server, the first is its main one.
        authority_life: of a CA.
        leaf_life: of a leaf.
        grace: how long a client may go on with an outdated bundle: what it takes from writing it to all clients having
            read it, and more.

    Raises:
        InputError: the lives do not fit into each other.
    """

    names: tuple[str, ...]
    authority_life: timedelta = timedelta(days=365)
    leaf_life: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError("certificate", "names", "are empty; name the server")
        if self.authority_life / 3 < self.leaf_life + self.grace:
            problem = f"a third of {self.authority_life} must be no less than {self.leaf_life + self.grace}"
            raise InputError("certificate", "authority_life", f"{problem} (leaf_life and grace); make it longer")


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of the bundle.

    Attributes:
        pair: the certificate and its key.
        published_since: since when every look at the published bundle has found it there; None: not at the last look.
    """

    pair: KeyPair
    published_since: datetime | None = None

    @property
    def certificate(self) -> Certificate:
        """The CA's certificate."""
        return self.pair.certificate


@dataclass(frozen=True, slots=True)
class State:
    """The contents of the Secret: the CAs, oldest first, and the leaf that is served."""

    authorities: tuple[Authority, ...] = ()
    leaf: KeyPair | None = None

    @property
    def bundle(self) -> bytes:
        """The CAs' certificates, to be published."""
        return b"".join(authority.certificate.pem for authority in self.authorities)

    @property
    def signer(self) -> KeyPair | None:
        """The CA that signed the leaf, which every client knows; None where there is no leaf."""
        issuer = None if self.leaf is None else _issuer(self.leaf.certificate, self.authorities)
        return None if issuer is None else issuer.pair


@dataclass(frozen=True, slots=True)
class Mint:
    """The makers of new key pairs: `certificates.make_authority` and `make_leaf`, with a name bound."""

    authority: Callable[[datetime, timedelta], KeyPair]
    leaf: Callable[[KeyPair, tuple[str, ...], datetime, timedelta], KeyPair]


def decide(state: State, now: datetime, published: frozenset[str] | None, plan: Plan, mint: Mint) -> State:
    """Return the next state; the same where there is nothing to do.

    Args:
        state: what the Secret holds.
        now: the time.
        published: the fingerprints of the CAs that were found in every published bundle just now; None: could not be
            looked at, which proves nothing.
        plan: names and lives.
        mint: makes new pairs.
    """
    authorities = tuple(authority for authority in state.authorities if now < authority.certificate.not_after)
    if not authorities or now >= _two_thirds(authorities[-1].certificate):
        authorities += (Authority(mint.authority(now, plan.authority_life)),)
    if published is not None:
        authorities = tuple(_note_publication(authority, now, published) for authority in authorities)
    leaf = state.leaf
    if leaf is None or _leaf_is_due(leaf, authorities, now, plan):
        signer = _choose_signer(authorities, leaf, now, plan)
        leaf = mint.leaf(signer.pair, plan.names, now, plan.leaf_life)
    return State(authorities, leaf)


def _two_thirds(certificate: Certificate) -> datetime:
    return certificate.not_before + (certificate.not_after - certificate.not_before) * 2 / 3


def _note_publication(authority: Authority, now: datetime, published: frozenset[str]) -> Authority:
    if authority.certificate.fingerprint not in published:
        return replace(authority, published_since=None)
    return authority if authority.published_since else replace(authority, published_since=now)


def _leaf_is_due(leaf: KeyPair, authorities: tuple[Authority, ...], now: datetime, plan: Plan) -> bool:
    present = leaf.certificate
    issuer = _issuer(present, authorities)
    if issuer is None or now >= present.not_after or present.names != tuple(sorted(plan.names)):
        return True
    if now < _two_thirds(present):
        return False
    # Where the leaf lives as long as its issuer and there is no successor to sign yet, another leaf would buy nothing.
    signer = _choose_signer(authorities, leaf, now, plan)
    return signer is not issuer or present.not_after < issuer.certificate.not_after


def _choose_signer(authorities: tuple[Authority, ...], leaf: KeyPair | None, now: datetime, plan: Plan) -> Authority:
    """Return the oldest CA that clients know and that outlives the leaf: so each new one is known as long as can be."""
    settled = _settled(authorities, now, plan)
    for authority in settled:
        if authority.certificate.not_after >= now + plan.leaf_life:
            return authority
    if settled:
        return settled[-1]
    present = _issuer(leaf.certificate, authorities) if leaf else None
    return present or authorities[-1]


def _settled(authorities: tuple[Authority, ...], now: datetime, plan: Plan) -> list[Authority]:
    """Return the CAs that every client has had the time to learn of."""
    return [known for known in authorities if known.published_since and now - known.published_since >= plan.grace]


def _issuer(leaf: Certificate, authorities: tuple[Authority, ...]) -> Authority | None:
    return next((known for known in authorities if known.certificate.key_id == leaf.issuer_key_id), None)
