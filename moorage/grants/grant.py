"""A permission to read one dataset: from where, with which keys; from the broker to the node, and on to the sidecar."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moorage.access import Access
from moorage.caching import CacheMode, CachePolicy
from moorage.reading.documents import fields_of
from moorage.reading.fields import Fields
from moorage.sources import MOUNTED_KINDS, Credentials, Location

_SUBJECT: Final = "grant"
_MOST_DEPTH: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class FillTerms:
    """The terms by which a node decides on a fill of its cache, and verifies it.

    Attributes:
        size_bytes: of the dataset.
        far_seconds: what bringing all of it takes, over the best permitted way.
        listed_version: of the source's own listing; copies have other etags than the first source.
        asked: the pod says `useas: cache`.
        site_reads: other pods that were granted the dataset at the node's site of late, as far as the broker knows.
    """

    size_bytes: int
    far_seconds: float
    listed_version: str
    asked: bool = False
    site_reads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The permission; to write as well, where `access` says so.

    Attributes:
        location: where to read, as `Location.granted` tells it.
        local: it lies in the node's own site.
        credentials: None for what anybody may read.
        cache: what the Dataset says about keeping read bytes near.
        site: the node's; "" where nobody said.
        source_site: where the location is; "" where nobody said.
        version: of the data, as the operator found it; None: it has not looked.
        fill: None where no cache can be filled from the location, as nobody listed it.
        uid: of the Dataset, which no later one of its name has; "" where nobody said.
    """

    location: Location
    local: bool
    credentials: Credentials | None
    cache: CachePolicy = CachePolicy()
    site: str = ""
    source_site: str = ""
    version: str | None = None
    fill: FillTerms | None = None
    access: Access = Access.READ_ONLY
    uid: str = ""

    @property
    def writes(self) -> bool:
        """Whether the pod may write."""
        return self.access is Access.READ_WRITE

    @property
    def kind(self) -> str:
        """The kind of the location."""
        return self.location.kind


def write_grant(grant: Grant) -> dict[str, Any]:
    """Write a grant as a document for `read_grant`. It holds the keys."""
    return {
        "site": grant.site,
        "version": grant.version,
        "source": {
            "site": grant.source_site,
            "kind": grant.location.kind,
            "local": grant.local,
            **grant.location.write(),
        },
        "credentials": None if grant.credentials is None else _write_credentials(grant.credentials),
        "cache": {"mode": grant.cache.mode.value, "sizeLimitBytes": grant.cache.size_limit_bytes},
        "fill": None if grant.fill is None else _write_fill(grant.fill),
        "access": grant.access.value,
        "uid": grant.uid,
    }


def read_grant(document: object) -> Grant:
    """Read a grant; fields that are not known are ignored, as it may grow.

    Raises:
        InputError: a field is missing, has another type, or holds what no mount can be made of; names the field.
    """
    fields = fields_of(document, _SUBJECT, _MOST_DEPTH)
    source, keys, cache = fields.required_sub("source"), fields.sub("credentials"), fields.sub("cache")
    fill = fields.sub("fill")
    return Grant(
        location=_read_location(source),
        local=source.exact_flag("local"),
        credentials=None if keys is None else _read_credentials(keys),
        cache=CachePolicy() if cache is None else _read_cache(cache),
        site=fields.text("site") or "",
        source_site=source.text("site") or "",
        version=fields.text("version"),
        fill=None if fill is None else _read_fill(fill),
        access=fields.choice("access", Access) or Access.READ_ONLY,
        uid=fields.text("uid") or "",
    )


def _read_location(source: Fields) -> Location:
    kind = source.required_text("kind")
    if kind not in MOUNTED_KINDS:
        problem = "is not a kind that this node plugin can mount; are broker and node plugin of the same release?"
        source.fail("kind", f"{kind!r} {problem}")
    return MOUNTED_KINDS[kind].read(source)


def _read_cache(cache: Fields) -> CachePolicy:
    return CachePolicy(cache.choice("mode", CacheMode) or CacheMode.AUTO, cache.count("sizeLimitBytes"))


def _read_fill(fill: Fields) -> FillTerms:
    milliseconds = fill.count("farMilliseconds")
    return FillTerms(
        size_bytes=fill.count("sizeBytes") or 0,
        far_seconds=(milliseconds or 0) / 1000,
        listed_version=fill.required_text("listedVersion"),
        asked=fill.exact_flag("asked"),
        site_reads=fill.count("siteReads") or 0,
    )


def _write_fill(fill: FillTerms) -> dict[str, Any]:
    return {
        "sizeBytes": fill.size_bytes,
        "farMilliseconds": round(fill.far_seconds * 1000),
        "listedVersion": fill.listed_version,
        "asked": fill.asked,
        "siteReads": fill.site_reads,
    }


def _read_credentials(keys: Fields) -> Credentials:
    return Credentials(
        keys.required_text("accessKeyId"),
        keys.required_text("secretAccessKey"),
        keys.text("sessionToken"),
        keys.count("endsAt"),
    )


def _write_credentials(keys: Credentials) -> Mapping[str, str | int | None]:
    return {
        "accessKeyId": keys.access_key_id,
        "secretAccessKey": keys.secret_access_key,
        "sessionToken": keys.session_token,
        "endsAt": keys.ends_at,
    }
