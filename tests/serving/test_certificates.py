"""Certificates are what TLS clients accept, and what can't be used is refused in words."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from moorage.errors import InputError
from moorage.serving.certificates import make_authority, make_leaf, read_certificates, read_pair
from moorage.serving.rotation import Authority, State
from moorage.serving.storage import from_data, to_data

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHORITY = make_authority("test", NOW, 100 * DAY)
LEAF = make_leaf(AUTHORITY, ("a" * 80 + ".svc", "::1", "b.svc"), NOW, 10 * DAY)


def test_leaf_is_signed_by_its_authority() -> None:
    """Signature, key identifiers and issuer agree."""
    leaf, authority = (x509.load_pem_x509_certificate(pair.certificate.pem) for pair in (LEAF, AUTHORITY))
    leaf.verify_directly_issued_by(authority)
    assert LEAF.certificate.issuer_key_id == AUTHORITY.certificate.key_id
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_leaf_serves_names_and_addresses() -> None:
    """A main name longer than a common name may be is no obstacle."""
    assert LEAF.certificate.names == ("::1", "a" * 80 + ".svc", "b.svc")


def test_authority_outlives_its_leaves() -> None:
    """Whatever is asked for."""
    leaf = make_leaf(AUTHORITY, ("a",), NOW + 95 * DAY, 10 * DAY)
    assert leaf.certificate.not_after == AUTHORITY.certificate.not_after


def test_a_clock_that_is_behind_accepts_a_new_leaf() -> None:
    """Certificates begin some minutes before they are made."""
    assert LEAF.certificate.valid_at(NOW - timedelta(minutes=5))
    assert not LEAF.certificate.valid_at(NOW + 10 * DAY)


def test_two_authorities_never_look_alike() -> None:
    """Clients tell the CAs of one bundle apart by their subject."""
    first, second = (
        x509.load_pem_x509_certificate(make_authority("test", NOW, DAY).certificate.pem).subject for _ in range(2)
    )
    assert first != second


def test_a_pair_is_read_back() -> None:
    """PEM, both ways."""
    assert read_pair(LEAF.certificate.pem, LEAF.key_pem) == LEAF


def test_a_chain_is_read_by_its_first() -> None:
    """As cert-manager writes it: the leaf, then what signed it."""
    assert read_pair(LEAF.certificate.pem + AUTHORITY.certificate.pem, LEAF.key_pem) == LEAF


OTHER = make_leaf(AUTHORITY, ("b",), NOW, DAY)
ENCRYPTED = serialization.load_pem_private_key(LEAF.key_pem, None).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
)
UNUSABLE = {
    "nothing": (b"", b"", "can't be read"),
    "half a certificate": (LEAF.certificate.pem[:200], LEAF.key_pem, "can't be read"),
    "half a key": (LEAF.certificate.pem, LEAF.key_pem[:100], "can't be read"),
    "an encrypted key": (LEAF.certificate.pem, ENCRYPTED, "unencrypted"),
    "another's key": (LEAF.certificate.pem, OTHER.key_pem, "only one of them renewed"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_can_not_be_used_is_refused(case: str) -> None:
    """In words, and without a word of the key."""
    certificate, key, words = UNUSABLE[case]
    with pytest.raises(InputError, match=words) as caught:
        read_pair(certificate, key)
    assert caught.value.__cause__ is None or "KEY" not in str(caught.value.__cause__)


def test_rubbish_is_no_bundle() -> None:
    """An empty bundle is nothing to trust."""
    with pytest.raises(InputError):
        read_certificates(b"rubbish")


def test_keys_are_not_shown() -> None:
    """A pair may be logged by mistake."""
    assert "PRIVATE" not in repr(LEAF)
    assert "PRIVATE" not in repr(State((Authority(AUTHORITY),), LEAF))


def test_a_state_survives_the_secret() -> None:
    """What is written is read back, dates included."""
    state = State((Authority(AUTHORITY, NOW), Authority(make_authority("test", NOW, DAY))), LEAF)
    data = to_data(state)
    assert set(data) == {"tls.crt", "tls.key", "ca.crt", "authorities.json"}
    assert from_data(data) == state


def test_an_empty_secret_is_the_empty_state() -> None:
    """The chart makes the Secret empty, so that we need no right to create one."""
    assert from_data({}) == State()


def test_a_damaged_secret_is_refused() -> None:
    """Without quoting what lies in it."""
    data = to_data(State((Authority(AUTHORITY),), LEAF))
    for broken in ({**data, "authorities.json": "bm8="}, {**data, "tls.key": data["ca.crt"]}, {**data, "tls.crt": "%"}):
        with pytest.raises(InputError, match="delete the Secret") as caught:
            from_data(broken)
        assert caught.value.__cause__ is None
