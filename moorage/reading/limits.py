"""The limits of every field, by its name: how long, how many. The CRDs have the same limits.

One name has one limit wherever it stands, so that a new kind of source needs no new rule: what is not named here has
the default. Lengths are in characters, as the API server counts them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

LONGEST = 1024
"""The limit of a text in a field that is not named below."""

LONGEST_BY_FIELD: Mapping[str, int] = MappingProxyType(
    {
        "endpoint": 512,
        "bucket": 255,
        "region": 64,
        "name": 253,
        "roleARN": 512,
        "stsEndpoint": 512,
        "caBundle": 16_384,
        "certificate": 16_384,
        "privateKey": 4096,
        "secretAccessKey": 4096,
        "sessionToken": 16_384,
        "message": 65_536,
        "target": 4096,
        "server": 253,
        "claimName": 253,
        "metastore": 512,
        "catalogue": 512,
        "table": 255,
        "image": 512,
        "digest": 64,
        "site": 63,
        "node": 253,
        "jurisdiction": 6,
        "currency": 3,
        "residency": 6,
        "allow": 63,
        "deny": 63,
        "purposes": 63,
        "consumers": 317,
        "writers": 317,
        "command": 16_384,
        "args": 16_384,
        "nodeSelector": 63,
        "inline": 1_000_000,
    }
)
"""The limits by field, of a text, of each text of a list and of each value of a mapping."""

MOST_BY_FIELD: Mapping[str, int] = MappingProxyType(
    {
        "sources": 64,
        "residency": 64,
        "allow": 64,
        "deny": 64,
        "purposes": 64,
        "consumers": 256,
        "writers": 256,
        "releases": 16,
        "command": 64,
        "args": 64,
        "links": 64,
        "resources": 32,
        "nodeSelector": 8,
        "datasets": 1024,
        "unfilled": 256,
        "evict": 64,
        "parameters": 256,
        "imports": 4096,
        "exports": 4096,
    }
)
"""Entries of a list or a mapping."""

MOST_SOURCE_TEXT = 16_384
"""The limit of all sources of a Dataset together, without their certificates."""
MOST_CERTIFICATES = 32_768
"""The limit of all `caBundle` of a Dataset together."""
MOST_CONSUMER_TEXT = 8192
"""The limit of all `consumers` of one governance together."""
MOST_COMPONENT_TEXT = 32_768
"""The limit of all components of a Dataset's releases together."""
MOST_YIELDS_TEXT = 8192
"""The limit of all consumers, purposes and sites together that a Dataset's releases yield."""

MOST_NUMBER = 2**63 - 1
"""The greatest integer of the API."""
LONGEST_NUMBER = 32
"""The limit of a number that is written as a text."""


def longest(field: str) -> int:
    """Return the greatest length of a text in the field."""
    return LONGEST_BY_FIELD.get(field, LONGEST)


def letters(raw: object, *, without: str = "") -> int:
    """Return the length of all texts under `raw` together, except those under the key `without`."""
    match raw:
        case str():
            return len(raw)
        case Mapping():
            items: Mapping[Any, object] = raw
            return sum(letters(value, without=without) for key, value in items.items() if key != without)
        case list():
            return sum(letters(value, without=without) for value in raw)
        case _:
            return 0
