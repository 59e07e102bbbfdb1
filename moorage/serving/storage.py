"""Reads and writes a rotation state as a Secret. Pure.

`tls.crt`, `tls.key` and `ca.crt` as everybody knows them, and `authorities.json` with the CAs' keys. Private keys stand
nowhere else.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from moorage.errors import InputError
from moorage.serving.certificates import read_pair
from moorage.serving.rotation import Authority, State

_AUTHORITIES = "authorities.json"


def to_data(state: State) -> dict[str, str]:
    """Make the Secret's `data` of a state."""
    authorities = [
        {
            "certificate": authority.certificate.pem.decode(),
            "key": authority.pair.key_pem.decode(),
            "publishedSince": authority.published_since.isoformat() if authority.published_since else None,
        }
        for authority in state.authorities
    ]
    data = {_AUTHORITIES: orjson.dumps(authorities), "ca.crt": state.bundle}
    if state.leaf is not None:
        data |= {"tls.crt": state.leaf.certificate.pem, "tls.key": state.leaf.key_pem}
    return {key: base64.b64encode(value).decode() for key, value in data.items()}


def from_data(data: Mapping[str, str]) -> State:
    """Read a state from the Secret's `data`; without our keys it is the empty one.

    Raises:
        InputError: what lies there was not written by us, or is damaged.
    """
    if _AUTHORITIES not in data:
        return State()
    try:
        decoded = {key: base64.b64decode(value, validate=True) for key, value in data.items()}
        authorities = tuple(_authority(entry) for entry in orjson.loads(decoded[_AUTHORITIES]))
        leaf = read_pair(decoded["tls.crt"], decoded["tls.key"]) if "tls.crt" in decoded else None
    except (InputError, ValueError, KeyError, TypeError, AttributeError):  # the cause may quote a key
        raise InputError("Secret", "data", "is damaged; delete the Secret, and it is made again") from None
    return State(authorities, leaf)


def _authority(entry: Mapping[str, Any]) -> Authority:
    since = entry["publishedSince"]
    return Authority(
        read_pair(entry["certificate"].encode(), entry["key"].encode()),
        datetime.fromisoformat(since) if since else None,
    )
