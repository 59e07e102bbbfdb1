"""The public keys that somebody trusts, and whether a head is signed by one of them."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from moorage.errors import InputError
from moorage.evidence import ed25519
from moorage.evidence.heads import Head, signed_bytes

_NAME_LENGTH: Final = 16
# The DER of a SubjectPublicKeyInfo with an Ed25519 key (RFC 8410), up to the key's 32 bytes.
_BEFORE_KEY: Final = bytes.fromhex("302a300506032b6570032100")
_KEY_BYTES: Final = 32
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]{1,200}?)\s*-----END PUBLIC KEY-----")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key, as its 32 bytes."""

    raw: bytes

    @property
    def name(self) -> str:
        """The name by which heads refer to the key: the first 16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:_NAME_LENGTH]

    def write(self) -> str:
        """Return the key as PEM."""
        encoded = base64.b64encode(_BEFORE_KEY + self.raw).decode()
        return f"-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n"


def read_public_keys(text: str) -> list[PublicKey]:
    """Read all keys of a PEM text.

    Raises:
        InputError: it holds none, or one that is not Ed25519.
    """
    found: list[PublicKey] = []
    for encoded in _PEM.findall(text):
        try:
            der = base64.b64decode("".join(encoded.split()), validate=True)
        except binascii.Error:
            der = b""
        if len(der) != len(_BEFORE_KEY) + _KEY_BYTES or not der.startswith(_BEFORE_KEY):
            raise InputError("evidence", "public key", "is no Ed25519 key in PEM")
        found.append(PublicKey(der[len(_BEFORE_KEY) :]))
    if not found:
        raise InputError("evidence", "public key", "is missing: give PEM, -----BEGIN PUBLIC KEY----- ...")
    return found


class TrustedKeys:
    """The public keys that somebody trusts."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.name: key for key in keys}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def signed(self, head: Head) -> bool:
        """Return whether the head is signed by one of the keys."""
        key = self._keys.get(head.key)
        try:
            signature = base64.b64decode(head.signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        return key is not None and is_genuine(key.raw, signature, signed_bytes(head.link))


def _with_cryptography() -> Callable[[bytes, bytes, bytes], bool] | None:
    """Return a verifier by `cryptography`, which is sixty times faster, where that is installed."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError:
        return None

    def check(public: bytes, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check


is_genuine: Final = _with_cryptography() or ed25519.is_genuine
