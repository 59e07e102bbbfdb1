"""The private key that seals chains: Ed25519. Whoever verifies needs nothing of this."""

import base64
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moorage.errors import InputError
from moorage.evidence.heads import Head, signed_bytes
from moorage.evidence.line import Event, Link, What
from moorage.evidence.trust import PublicKey


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A private key."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """Make a new one."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, pem: bytes) -> Self:
        """Read a private key from PEM.

        Raises:
            InputError: it is no Ed25519 key. Nothing of it is in the message.
        """
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # the cause may quote the key
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("evidence", "key", "is no Ed25519 key in PEM: delete its Secret's data, and one is made")
        return cls(key)

    def write(self) -> bytes:
        """Return the key as PEM, PKCS #8."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return PublicKey(raw)

    def sign(self, link: Link) -> Head:
        """Return the signed head."""
        signature = base64.b64encode(self.private.sign(signed_bytes(link))).decode()
        return Head(link, self.public.name, signature)

    def seal(self, link: Link) -> Event:
        """Return the event of a seal over all up to this line; it must be the next line."""
        head = self.sign(link)
        return Event(what=What.SEALED, key=head.key, signature=head.signature)
