"""Answers of the broker: a grant, a refusal, or that it can't decide now."""

from collections.abc import Mapping
from typing import Any, Final

from moorage.errors import BrokerError, InputError
from moorage.grants.grant import Grant, read_grant, write_grant
from moorage.refusal import DENIED, NOT_FOUND, NOT_POSSIBLE, Refusal

MOST_ANSWER_BYTES: Final = 1 << 20
"""A bundle of certificates may be in it."""
TRY_AGAIN: Final = "the volume is not mounted; the kubelet tries again by itself"
_OK: Final = 200


def write_answer(answer: Grant | Refusal) -> tuple[int, dict[str, Any]]:
    """Status and body. A grant's body holds the keys."""
    if isinstance(answer, Grant):
        return _OK, write_grant(answer)
    body = {"message": answer.message}
    return answer.code, body | {"rule": answer.reason} if answer.code == DENIED else body


def read_answer(status: int, body: object) -> Grant | Refusal:
    """Understand an answer.

    Raises:
        BrokerError: it is no decision; asking again may help.
    """
    document: Mapping[str, object] = body if isinstance(body, dict) else {}
    message = str(document.get("message") or "it gives no reason")
    match status:
        case 200:
            try:
                return read_grant(document)
            except InputError as error:
                problem = f"the credential broker's answer can't be used: {error}"
        case 403:
            return Refusal(DENIED, str(document.get("rule") or ""), message)
        case 404:
            return Refusal(NOT_FOUND, "", message)
        case 409:
            return Refusal(NOT_POSSIBLE, "", message)
        case 401:
            problem = f"the credential broker does not accept this node plugin's token: {message}; {TRY_AGAIN}"
        case _:
            problem = f"the credential broker can't decide now (HTTP {status}): {message}; {TRY_AGAIN}"
    raise BrokerError(problem)
