"""Certificates for node plugins, signed by the broker's own authority: to serve neighbours, and to read from them.

Made for each question and kept nowhere. The authority is the one that signed the certificate that the broker serves
with, so whoever asks knows it already; its rotation is the keeper's (`moorage.serving.rotation`). Pure, but for the
randomness of keys.
"""

from datetime import datetime, timedelta
from typing import Final

from moorage.grants.neighbours import Pass, Reading, server_name
from moorage.serving.certificates import KeyPair, make_client_leaf, make_leaf

SERVING_LIFE: Final = timedelta(hours=24)
READING_LIFE: Final = timedelta(minutes=15)
"""The life of a reading pass: so long a node may read on after the broker would refuse it."""


def serving_pass(authority: KeyPair, node: str, now: datetime) -> Pass:
    """Sign a certificate for a node plugin's own server."""
    return _pass(make_leaf(authority, (server_name(node),), now, SERVING_LIFE))


def reading_pass(authority: KeyPair, reading: Reading, now: datetime) -> Pass:
    """Sign a client certificate for a node that may hold the dataset."""
    return _pass(make_client_leaf(authority, reading.node, reading.uri, now, READING_LIFE))


def _pass(pair: KeyPair) -> Pass:
    return Pass(pair.certificate.pem.decode(), pair.key_pem.decode())
