"""The two calls that are made to an Iceberg REST catalogue."""

import http.client
import re
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.iceberg.documents import DocumentError, read_document
from moorage.calling.endpoints import Endpoint
from moorage.calling.requests import LateError, Reply, Request, ask
from moorage.errors import SourceError
from moorage.sources.certificates import certificates_of
from moorage.sources.iceberg import IcebergSource
from moorage.sources.reasons import Reason

MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
_MOST_SETTINGS_BYTES: Final = 256 * 1024
_NAMED_IN: Final = "iceberg.catalogue"
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_DENIED: Final = frozenset({401, 403, 419})
_GONE: Final = 404
_ABSENT: Final = frozenset({"NoSuchTableException", "NoSuchNamespaceException"})
# Between the levels of a namespace, in a path.
_LEVEL: Final = "\x1f"
_PREFIX: Final = re.compile(r"[\w.~%!$&'()*+,;=:@|/-]{0,512}", re.ASCII)
_MOST_DECODINGS: Final = 4
_SETTINGS: Final = {"overrides": {"prefix": None}, "defaults": {"prefix": None}}
_ERROR: Final = {"error": {"type": None}}


@dataclass(slots=True)
class Calls:
    """Asks one catalogue. All answers go where the Dataset says, whatever the catalogue says of other addresses.

    Attributes:
        source: the table, and whom to ask.
        token: what to show; None for nothing.
        budget: the bounds of one answer, and the time of all.
        allowance: the other bounds of all.
        stop: ends it.
    """

    source: IcebergSource
    token: str | None = field(repr=False)
    budget: Budget
    allowance: Allowance
    stop: Cancellation
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.budget.seconds

    def prefix(self) -> str:
        """What the catalogue wants before namespaces in a path: "" for nothing.

        Raises:
            SourceError: CatalogueUnreachable, CatalogueRefused, CatalogueUnreadable, ListTooSlow.
        """
        query = "" if self.source.warehouse is None else f"?warehouse={quote(self.source.warehouse, safe='')}"
        reply = self._ask(f"/v1/config{query}", _MOST_SETTINGS_BYTES)
        if reply.status == _GONE:
            raise self._unreadable("has no /v1/config, or no such warehouse", "correct it, or iceberg.warehouse")
        answer = self._read(reply, _SETTINGS)
        told = [_object(_object(answer).get(name)).get("prefix") for name in ("overrides", "defaults")]
        prefix = next((each for each in told if isinstance(each, str)), "").strip("/")
        if not _PREFIX.fullmatch(prefix) or not _stays_below(prefix):
            raise self._unreadable("answers with a prefix that no path can have", "check the catalogue")
        return quote(prefix, safe="/%!$&'()*+,;=:@~")

    def table(self, prefix: str) -> bytes:
        """What the catalogue answers of the table.

        Raises:
            SourceError: TableNotFound, ListTooLarge, and those of `prefix`.
        """
        *levels, name = self.source.table.split(".")
        namespace = quote(_LEVEL.join(levels), safe="")
        path = f"/v1/{prefix}/namespaces" if prefix else "/v1/namespaces"
        # A table has thousands of snapshots, and unless one of them is pinned only those with a name matter.
        wanted = "refs" if self.source.snapshot is None else "all"
        reply = self._ask(f"{path}/{namespace}/tables/{quote(name, safe='')}?snapshots={wanted}", MOST_ANSWER_BYTES)
        if reply.status == _GONE and _object(_object(self._read(reply, _ERROR)).get("error")).get("type") in _ABSENT:
            problem = "there is no such table: create it, or correct iceberg.table (as namespace.table)"
            raise SourceError(Reason.TABLE_NOT_FOUND, f"{self.source.words}: {problem}")
        if reply.status != _OK:
            raise self._unreadable(f"answers HTTP {reply.status} for a table", f"correct {_NAMED_IN}")
        if not reply.is_whole:
            most = f"{MOST_ANSWER_BYTES:,} bytes"
            problem = f"the catalogue's answer has more than {most}: expire old snapshots, or give its folder as s3"
            raise SourceError(Reason.LIST_TOO_LARGE, f"{self.source.words}: {problem}")
        return reply.body

    def _ask(self, target: str, most_bytes: int) -> Reply:
        self.stop.check(self.source.words)
        place, budget = self.source, self.budget
        endpoint = Endpoint(
            place.url,
            None if place.ca_bundle is None else certificates_of(place.ca_bundle, "iceberg.caBundle"),
            named_in=_NAMED_IN,
            connect_seconds=budget.connect_seconds,
            silence_seconds=budget.silence_seconds,
        )
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        seconds = max(min(budget.request_seconds, self._end - time.monotonic()), 0.0)
        asked = Request(f"{endpoint.path}{target}", headers=headers, most_bytes=most_bytes, seconds=seconds)
        try:
            reply = ask(endpoint, asked, self.stop.ending)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.stop.check(self.source.words)
            raise self._unanswered(error) from None
        self.allowance.take(sent_bytes=len(reply.body))
        self._check(reply)
        return reply

    def _check(self, reply: Reply) -> None:
        """Of the status: what no call can go on from. What the answer says besides is a stranger's, and not told."""
        if reply.status in _DENIED:
            why = "the token is not accepted: renew it" if self.token else "it wants a token: give one"
            problem = f"the catalogue refuses (HTTP {reply.status}), {why} in the Secret that iceberg.secretRef names"
            raise SourceError(Reason.CATALOGUE_REFUSED, f"{self.source.words}: {problem}")
        if reply.status in _REDIRECTS:
            raise self._unreadable("redirects, which is not followed", f"put the final address into {_NAMED_IN}")
        if reply.status not in {_OK, _GONE}:
            problem = f"the catalogue answers with an error (HTTP {reply.status}): see its log"
            raise SourceError(Reason.CATALOGUE_REFUSED, f"{self.source.words}: {problem}")

    def _unanswered(self, error: Exception) -> SourceError:
        if isinstance(error, LateError):
            most = f"{self.budget.request_seconds:g} s, or all answers in {self.budget.seconds:g} s"
            problem = f"an answer was not complete in {most}: check the catalogue's load"
            return SourceError(Reason.LIST_TOO_SLOW, f"{self.source.words}: {problem}")
        if isinstance(error, ssl.SSLCertVerificationError):
            problem = f"its certificate is not trusted ({error.verify_message})"
            remedy = "give its authority's certificate in iceberg.caBundle"
        else:
            problem = f"does not answer ({type(error).__name__})"
            remedy = f"check {_NAMED_IN}, and that the operator can reach it"
        return SourceError(Reason.CATALOGUE_UNREACHABLE, f"{self.source.words}: {problem}: {remedy}")

    def _read(self, reply: Reply, wanted: Any) -> Any:  # noqa: ANN401 - JSON
        if not reply.is_whole:
            raise self.unreadable(DocumentError("it is longer than such an answer is"))
        try:
            return read_document(reply.body, wanted, self.allowance)
        except DocumentError as error:
            raise self.unreadable(error) from None

    def unreadable(self, error: DocumentError) -> SourceError:
        """What to raise where an answer can't be read."""
        return self._unreadable(f"answers with what can't be read: {error}", f"correct {_NAMED_IN}")

    def _unreadable(self, problem: str, remedy: str) -> SourceError:
        told = f"{_NAMED_IN} is no Iceberg REST catalogue that can be read, or not a sound one: it {problem}: {remedy}"
        return SourceError(Reason.CATALOGUE_UNREADABLE, f"{self.source.words}: {told}")


def _object(raw: object) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _stays_below(prefix: str) -> bool:
    """Whether a prefix leads nowhere up, to whoever decodes it, however often: the token goes along."""
    slashes = prefix.count("/")
    for _ in range(_MOST_DECODINGS):
        if prefix and {"", ".", ".."} & set(prefix.split("/")):
            return False
        decoded = unquote(prefix)
        if decoded == prefix:
            return True
        if decoded.count("/") != slashes or "\\" in decoded:
            return False
        prefix = decoded
    return False
