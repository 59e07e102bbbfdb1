"""Questions about many things at once: how many one may name, and what comes back. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from moorage.errors import BrokerError, InputError
from moorage.reading.documents import Bounds, fields_of, read_object
from moorage.reading.fields import Fields

MOST_ASKED: Final = 64
_MOST_DEPTH: Final = 4
_OK: Final = 200

T = TypeVar("T")


def batches(asked: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split questions into batches of the permitted size."""
    for first in range(0, len(asked), MOST_ASKED):
        yield asked[first : first + MOST_ASKED]


def read_batch(body: bytes, bounds: Bounds, key: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
    """Read the questions listed under `key`.

    Raises:
        InputError: it is no question; names the field.
    """
    fields = read_object(body, "request", bounds)
    asked = fields.subs(key)
    if len(asked) > MOST_ASKED:
        fields.fail(key, f"must have at most {MOST_ASKED} entries, not {len(asked)}: ask several times")
    return tuple(map(read, asked))


def read_told(status: int, body: object, key: str, read: Callable[[Fields], T], unsaid: str) -> list[T]:
    """Read the answers listed under `key`.

    Args:
        status: the status of the answer.
        body: likewise.
        key: under which it tells.
        read: of each entry.
        unsaid: what the broker does not say, where it is no answer.

    Raises:
        BrokerError: it is no answer; asking again may help.
    """
    if status != _OK:
        document = body if isinstance(body, dict) else {}
        message = str(document.get("message") or "it gives no reason")
        problem = f"the credential broker does not say {unsaid} (HTTP {status}): {message}"
        raise BrokerError(problem)
    try:
        return [read(fields) for fields in fields_of(body, "answer", _MOST_DEPTH).subs(key)]
    except InputError as error:
        problem = f"the credential broker's answer can't be used: {error}"
        raise BrokerError(problem) from error
