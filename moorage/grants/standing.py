"""Standings of a node's copies: a node plugin lists them for the broker, which says which may stay.

A node has no right to read Datasets; so it asks about those that it holds, and learns of nothing else. The question
names at most `batches.MOST_ASKED` datasets, so a node that holds more asks several times.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moorage.caching import CacheMode
from moorage.errors import BrokerError
from moorage.grants.batches import read_batch, read_told
from moorage.grants.question import BOUNDS, read_ref
from moorage.model import DatasetRef
from moorage.reading.fields import Fields

PATH: Final = "/v1/caches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The standing of a dataset on a node: whether its copy may stay, and what the node needs to know of it.

    Attributes:
        rule: what refuses it at this node, as `ClearanceTooLow`; "" where the node may hold it.
        message: the refusal as a sentence.
        version: the current one; None: the operator has not looked.
        size_bytes: of the current version; None: it is not known.
        far_seconds: what bringing all of it takes; None where no usable source is left.
        mode: of `spec.cache`.
        limit_bytes: `spec.cache.sizeLimit`; None: the node's own limit holds.
        uid: of the Dataset that has the name now; "" where nobody said.
        evict_before: copies that became whole before this moment, in seconds since 1970, are to leave; None: none are.
    """

    ref: DatasetRef
    rule: str = ""
    message: str = ""
    version: str | None = None
    size_bytes: int | None = None
    far_seconds: float | None = None
    mode: CacheMode = CacheMode.AUTO
    limit_bytes: int | None = None
    evict_before: int | None = None
    uid: str = ""

    @property
    def permitted(self) -> bool:
        """Whether the bytes may stay."""
        return not self.rule


def write_holdings(refs: Iterable[DatasetRef]) -> bytes:
    """Write the body of a question."""
    return json.dumps({"datasets": [_write_ref(ref) for ref in refs]}).encode()


def read_holdings(body: bytes) -> tuple[DatasetRef, ...]:
    """Read the body of a question.

    Raises:
        InputError: it is no question; names the field.
    """
    return read_batch(body, BOUNDS, "datasets", read_ref)


def write_standings(standings: Iterable[Standing]) -> dict[str, Any]:
    """Write the body of an answer."""
    return {"datasets": [_write_standing(standing) for standing in standings]}


def read_standings(status: int, body: object, asked: Sequence[DatasetRef]) -> dict[DatasetRef, Standing]:
    """Understand an answer: one standing for each dataset that was asked about.

    Raises:
        BrokerError: it is no answer; asking again may help.
    """
    told = read_told(status, body, "datasets", _read_standing, "what may stay on this node")
    standings = {standing.ref: standing for standing in told}
    if set(asked) != set(standings):
        problem = "the credential broker's answer is not about the datasets that were asked about"
        raise BrokerError(problem)
    return standings


def _write_ref(ref: DatasetRef) -> dict[str, str]:
    return {"namespace": ref.namespace, "name": ref.name}


def _write_standing(standing: Standing) -> dict[str, Any]:
    written: dict[str, Any] = _write_ref(standing.ref)
    if standing.rule:
        return written | {"rule": standing.rule, "message": standing.message}
    return written | {
        "version": standing.version,
        "sizeBytes": standing.size_bytes,
        "farMilliseconds": None if standing.far_seconds is None else round(standing.far_seconds * 1000),
        "mode": standing.mode.value,
        "limitBytes": standing.limit_bytes,
        "evictBefore": standing.evict_before,
        "uid": standing.uid,
    }


def _read_standing(fields: Fields) -> Standing:
    milliseconds = fields.count("farMilliseconds")
    return Standing(
        ref=read_ref(fields),
        rule=fields.text("rule") or "",
        message=fields.text("message", lines=True) or "",
        version=fields.text("version"),
        size_bytes=fields.count("sizeBytes"),
        far_seconds=None if milliseconds is None else milliseconds / 1000,
        mode=fields.choice("mode", CacheMode) or CacheMode.AUTO,
        limit_bytes=fields.count("limitBytes"),
        evict_before=fields.count("evictBefore"),
        uid=fields.text("uid") or "",
    )
