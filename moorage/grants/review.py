"""What a node plugin asks the broker about the volumes that it shows, and what it is told: which of them must end.

It names no account and no rule: the broker knows the pods, and whether the datasets' stewards want mounts ended.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moorage.errors import BrokerError, InputError
from moorage.grants.question import GrantQuestion, read_grant_question, write_grant_question
from moorage.reading.documents import Bounds, fields_of, read_object

PATH: Final = "/v1/reviews"
MOST_ASKED: Final = 64
BOUNDS: Final = Bounds(most_bytes=96 * 1024, most_depth=5)
_MOST_DEPTH: Final = 4
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Review:
    """Whether a volume may still be read.

    Attributes:
        asked: the pod and the dataset.
        rule: what refuses it now, as `PurposeNotAllowed`; "" where it may be read on.
        message: the refusal as a sentence.
    """

    asked: GrantQuestion
    rule: str = ""
    message: str = ""


def write_volumes(asked: Iterable[GrantQuestion]) -> bytes:
    """The body of a question."""
    return json.dumps({"volumes": [write_grant_question(each) for each in asked]}).encode()


def read_volumes(body: bytes) -> tuple[GrantQuestion, ...]:
    """Read the body of a question.

    Raises:
        InputError: it is no question; names the field.
    """
    fields = read_object(body, "request", BOUNDS)
    asked = fields.subs("volumes")
    if len(asked) > MOST_ASKED:
        fields.fail("volumes", f"must have at most {MOST_ASKED} entries, not {len(asked)}: ask several times")
    return tuple(map(read_grant_question, asked))


def write_reviews(reviews: Iterable[Review]) -> dict[str, Any]:
    """The body of an answer: a verdict for each volume, in the order of the question."""
    return {"volumes": [{"rule": each.rule, "message": each.message} if each.rule else {} for each in reviews]}


def read_reviews(status: int, body: object, asked: Sequence[GrantQuestion]) -> list[Review]:
    """Understand an answer: a review for each volume that was asked about.

    Raises:
        BrokerError: it is no answer; asking again may help.
    """
    if status != _OK:
        document = body if isinstance(body, dict) else {}
        message = str(document.get("message") or "it gives no reason")
        problem = f"the credential broker does not say which volumes must end (HTTP {status}): {message}"
        raise BrokerError(problem)
    try:
        told = fields_of(body, "answer", _MOST_DEPTH).subs("volumes")
        found = [(each.text("rule") or "", each.text("message", lines=True) or "") for each in told]
    except InputError as error:
        problem = f"the credential broker's answer can't be used: {error}"
        raise BrokerError(problem) from error
    if len(found) != len(asked):
        problem = "the credential broker's answer is not about the volumes that were asked about"
        raise BrokerError(problem)
    return [Review(question, rule, message) for question, (rule, message) in zip(asked, found, strict=True)]
