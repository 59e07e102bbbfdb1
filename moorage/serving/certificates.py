"""CA and leaf certificates as PEM: made, read, checked. EC P-256, pure but for the randomness of keys."""

import hashlib
import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from moorage.errors import InputError

# Clocks of one cluster differ by minutes at the most.
_BACKDATED = timedelta(minutes=10)
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Certificate:
    """The fields of a certificate that its renewal needs.

    Attributes:
        pem: itself, and nothing else.
        fingerprint: SHA-256 of its DER form, hex.
        key_id: the subject key identifier, hex; "" where there is none.
        issuer_key_id: the authority key identifier, hex; "" where there is none.
        names: DNS names and IP addresses that it is for, sorted.
        not_before: valid from.
        not_after: valid until.
    """

    pem: bytes = field(repr=False)
    fingerprint: str
    key_id: str
    issuer_key_id: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime

    def valid_at(self, now: datetime) -> bool:
        """Return whether the certificate is valid at this time."""
        return self.not_before <= now < self.not_after


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its private key (PEM, PKCS #8)."""

    certificate: Certificate
    key_pem: bytes = field(repr=False)


def make_authority(name: str, now: datetime, life: timedelta) -> KeyPair:
    """Make a self-signed CA that may sign leaves only.

    Args:
        name: what it is for; part of its subject, with something unique behind.
        now: when.
        life: how long it is valid.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    subject = _subject(f"{name} CA {key_id.digest.hex()[:8]}")  # unique: two CAs of one bundle must not look alike
    certificate = (
        _builder(subject, subject, key, now, now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(key_id, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def make_leaf(authority: KeyPair, names: tuple[str, ...], now: datetime, life: timedelta) -> KeyPair:
    """Make a server certificate that its authority outlives."""
    alternatives = [_general_name(name) for name in names]
    return _leaf(authority, names[0], alternatives, ExtendedKeyUsageOID.SERVER_AUTH, now, life)


def make_client_leaf(authority: KeyPair, name: str, uri: str, now: datetime, life: timedelta) -> KeyPair:
    """Make a client certificate that its authority outlives, and that no server can serve with.

    Args:
        authority: that signs.
        name: whose it is.
        uri: what it says of them.
        now: when.
        life: how long it is valid.
    """
    alternatives: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    return _leaf(authority, name, alternatives, ExtendedKeyUsageOID.CLIENT_AUTH, now, life)


def _leaf(  # noqa: PLR0913, PLR0917 - what a certificate says is that much
    authority: KeyPair,
    name: str,
    alternatives: list[x509.GeneralName],
    usage: x509.ObjectIdentifier,
    now: datetime,
    life: timedelta,
) -> KeyPair:
    issuer = x509.load_pem_x509_certificate(authority.certificate.pem)
    issuer_key = serialization.load_pem_private_key(authority.key_pem, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise InputError("certificate authority", "key", "is not an EC key; delete the Secret, and it is made again")
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + life, authority.certificate.not_after)
    issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _builder(_subject(name), issuer.subject, key, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def read_certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Read all certificates of a PEM text, in their order.

    Raises:
        InputError: the text holds something that is no certificate, or none at all.
    """
    try:
        return tuple(_describe(certificate) for certificate in x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise InputError("certificate", "PEM", f"can't be read: {error}") from error


def read_pair(certificate_pem: bytes, key_pem: bytes) -> KeyPair:
    """Read a certificate (the first of a chain) and its key.

    Raises:
        InputError: one can't be read, or they do not belong together.
    """
    certificate = read_certificates(certificate_pem)[0]
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # the cause may quote the key
        raise InputError("certificate", "key", "can't be read as an unencrypted private key in PEM") from None
    if key.public_key() != x509.load_pem_x509_certificate(certificate.pem).public_key():
        raise InputError("certificate", "key", "does not belong to the certificate; was only one of them renewed?")
    return KeyPair(certificate, key_pem)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(end)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[-_LONGEST_COMMON_NAME:])])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(_describe(certificate), key_pem)


def _describe(certificate: x509.Certificate) -> Certificate:
    names: list[str] = []
    key_id = issuer_key_id = b""
    for extension in certificate.extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as alternatives:
                names += alternatives.get_values_for_type(x509.DNSName)
                names += [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
            case x509.SubjectKeyIdentifier() as own:
                key_id = own.digest
            case x509.AuthorityKeyIdentifier() as issuer:
                issuer_key_id = issuer.key_identifier or b""
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Certificate(
        pem=certificate.public_bytes(serialization.Encoding.PEM),
        fingerprint=hashlib.sha256(der).hexdigest(),
        key_id=key_id.hex(),
        issuer_key_id=issuer_key_id.hex(),
        names=tuple(sorted(names)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
