"""Messages between node plugin and broker about filling from other nodes of the site.

`PATH`: which nodes of my site hold this dataset's version, or are bringing it? `PASSES_PATH`: give me a certificate to
serve neighbours with; or, with a dataset, one that lets me read that dataset from them. Whoever names a dataset names a
pod of its node that may read it. A pass names one dataset and one node, and lives for minutes: who has it may read what
the rules allowed that pod to read there when it was signed.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.errors import BrokerError, InputError
from moorage.grants.question import BOUNDS, GrantQuestion, read_grant_question, write_grant_question
from moorage.model import DatasetRef
from moorage.reading.documents import fields_of, read_object
from moorage.reading.fields import Fields
from moorage.refusal import DENIED, NOT_FOUND, NOT_POSSIBLE, Refusal

PATH: Final = "/v1/neighbours"
PASSES_PATH: Final = "/v1/passes"
MOST_WHOLE: Final = 8
"""Neighbours with a whole copy that one node is told of."""
MOST_BRINGING: Final = 32
"""Neighbours that share the bringing; more wait for what these bring."""
MOST_IN_MEMORY: Final = 128
"""Neighbours whose memory one node is told of."""
_MOST_DEPTH: Final = 4
_OK: Final = 200
_REFUSALS: Final = frozenset({DENIED, NOT_FOUND, NOT_POSSIBLE})
_SERVER_SUFFIX: Final = ".nodes.moorage.dev"
_READS: Final = re.compile(r"moorage://([^/]+)/([^/]+)/([^/#]+)(?:#([^/#]+))?")


@dataclass(frozen=True, slots=True, order=True)
class Neighbour:
    """Another node of the site.

    Attributes:
        address: of its node plugin, as `10.0.0.7:9809`.
        whole: it has all of the version; else it is bringing it.
    """

    node: str
    address: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The broker's view of a site, for one node and one dataset's current version.

    Attributes:
        neighbours: without the node that asks.
        shares: the node that asks is among those that share the bringing.
        seen: its NodeCache says that it brings or holds the version.
        others: nodes of the site that serve neighbours, whatever they hold.
    """

    neighbours: tuple[Neighbour, ...] = ()
    shares: bool = False
    seen: bool = False
    others: int = 0


@dataclass(frozen=True, slots=True)
class Pass:
    """A certificate with its key, both PEM."""

    certificate: str
    key: str = field(repr=False)


def server_name(node: str) -> str:
    """Return the name in the certificate that a node serves with. No Service and no store has a name like that."""
    return f"{node}{_SERVER_SUFFIX}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The statement of a pass: this node may read this dataset.

    Attributes:
        uid: of the Dataset whose memory it is, and no other of its name; "": it is of copies, which have versions.
    """

    node: str
    ref: DatasetRef
    uid: str = ""

    @property
    def uri(self) -> str:
        """The URI in the certificate."""
        return f"moorage://{self.node}/{self.ref.namespace}/{self.ref.name}{f'#{self.uid}' if self.uid else ''}"

    @classmethod
    def read(cls, uri: str) -> "Reading | None":
        """Read what a certificate says; None where it says something else."""
        found = _READS.fullmatch(uri)
        return None if found is None else cls(found[1], DatasetRef(found[2], found[3]), found[4] or "")


def write_asked(asked: GrantQuestion | None) -> bytes:
    """Write the body of both questions: a dataset, and the pod to fill for; None: a certificate to serve with."""
    return json.dumps({} if asked is None else write_grant_question(asked)).encode()


def read_asked(body: bytes) -> GrantQuestion | None:
    """Read the body of a question.

    Raises:
        InputError: it is no question; names the field.
    """
    fields = read_object(body, "request", BOUNDS)
    if fields.sub("dataset") is None and fields.sub("pod") is None:
        return None
    return read_grant_question(fields)


def write_neighbourhood(told: Neighbourhood) -> dict[str, Any]:
    """Write the body of an answer."""
    return {
        "neighbours": write_neighbours(told.neighbours),
        "shares": told.shares,
        "seen": told.seen,
        "others": told.others,
    }


def read_neighbourhood(status: int, body: object) -> Neighbourhood | Refusal:
    """Understand an answer.

    Raises:
        BrokerError: it is none; asking again may help.
    """
    fields = _fields(status, body)
    if isinstance(fields, Refusal):
        return fields
    try:
        return Neighbourhood(
            neighbours=read_neighbours(fields),
            shares=fields.exact_flag("shares"),
            seen=fields.exact_flag("seen"),
            others=fields.count("others") or 0,
        )
    except InputError as error:
        raise _useless(error) from error


def write_neighbours(neighbours: Iterable[Neighbour]) -> list[dict[str, Any]]:
    """Write neighbours as a list of documents."""
    return [{"node": each.node, "address": each.address, "whole": each.whole} for each in neighbours]


def read_neighbours(fields: Fields) -> tuple[Neighbour, ...]:
    """Read the neighbours listed under `neighbours`.

    Raises:
        InputError: there are too many, or one is none.
    """
    found = fields.subs("neighbours")
    if len(found) > MOST_IN_MEMORY:
        fields.fail("neighbours", f"must have at most {MOST_IN_MEMORY} entries")
    return tuple(
        Neighbour(each.required_text("node"), each.required_text("address"), each.exact_flag("whole")) for each in found
    )


def write_pass(made: Pass) -> dict[str, Any]:
    """Write the body of an answer. It holds the key."""
    return {"certificate": made.certificate, "privateKey": made.key}


def read_pass(status: int, body: object) -> Pass | Refusal:
    """Understand an answer.

    Raises:
        BrokerError: it is none; asking again may help.
    """
    fields = _fields(status, body)
    if isinstance(fields, Refusal):
        return fields
    try:
        return read_pass_fields(fields)
    except InputError as error:
        raise _useless(error) from error


def read_pass_fields(fields: Fields) -> Pass:
    """Read a pass as a part of a document.

    Raises:
        InputError: a field is missing.
    """
    certificate, key = fields.text("certificate", lines=True), fields.text("privateKey", lines=True)
    if not certificate or not key:
        fields.fail("certificate", "and privateKey must be there")
    return Pass(certificate, key)


def _fields(status: int, body: object) -> Fields | Refusal:
    document = body if isinstance(body, dict) else {}
    message = str(document.get("message") or "it gives no reason")
    if status in _REFUSALS:
        return Refusal(status, str(document.get("rule") or ""), message)
    if status != _OK:
        problem = f"the credential broker does not tell of neighbours (HTTP {status}): {message}"
        raise BrokerError(problem)
    try:
        return fields_of(document, "answer", _MOST_DEPTH)
    except InputError as error:
        raise _useless(error) from error


def _useless(error: InputError) -> BrokerError:
    return BrokerError(f"the credential broker's answer can't be used: {error}")
