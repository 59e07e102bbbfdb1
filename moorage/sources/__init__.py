"""The kinds of sources: one file each, and one table. Pure, and the standard library only: the sidecar reads it too.

A kind's file holds its record, its forms on the wire (spec, `spec.local`, grant), its words, and what can be done with
it. Nothing else in the tree names a kind but whoever lists it or mounts it; docs/adding-a-source.md says where.

    location      what each kind says of itself
    table         all kinds
    catalogued    what tables of catalogues share
    uris, paths   what several kinds share
    reasons       why one can't be listed
    signatures    of requests to an S3 store; signed_gets and signed_puts say of which
    web_identity, permitted_roles   keys for a token: what is asked for, and what the platform permits
    versions      what a version is the hash of
    fluid         what Fluid mounts of a location
    store_addresses, store_documents   what no answer of a store may lead to or hold
"""

from moorage.sources.location import Abilities, Credentials, HandOut, Keys, Location, Option, Server
from moorage.sources.table import (
    COPIED_KINDS,
    KINDS,
    LOCAL_KINDS,
    MEMORY_KINDS,
    MOUNTED_KINDS,
    REMOTE_KINDS,
    SPEC_KINDS,
    WRITTEN_KINDS,
    one_of,
    unserved,
)

__all__ = [
    "COPIED_KINDS",
    "KINDS",
    "LOCAL_KINDS",
    "MEMORY_KINDS",
    "MOUNTED_KINDS",
    "REMOTE_KINDS",
    "SPEC_KINDS",
    "WRITTEN_KINDS",
    "Abilities",
    "Credentials",
    "HandOut",
    "Keys",
    "Location",
    "Option",
    "Server",
    "one_of",
    "unserved",
]
