"""Reviews of mounted volumes: a node plugin shows them to the broker, which says which must end.

It names no account and no rule: the broker knows the pods, and whether the datasets' stewards want mounts ended.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moorage.errors import BrokerError
from moorage.grants.batches import read_batch, read_told
from moorage.grants.question import GrantQuestion, read_grant_question, write_grant_question
from moorage.reading.documents import Bounds
from moorage.reading.fields import Fields

PATH: Final = "/v1/reviews"
BOUNDS: Final = Bounds(most_bytes=96 * 1024, most_depth=5)


@dataclass(frozen=True, slots=True)
class Review:
    """The review of a volume: whether it may still be read.

    Attributes:
        asked: the pod and the dataset.
        rule: what refuses it now, as `PurposeNotAllowed`; "" where it may be read on.
        message: the refusal as a sentence.
    """

    asked: GrantQuestion
    rule: str = ""
    message: str = ""


def write_volumes(asked: Iterable[GrantQuestion]) -> bytes:
    """Write the body of a question."""
    return json.dumps({"volumes": [write_grant_question(each) for each in asked]}).encode()


def read_volumes(body: bytes) -> tuple[GrantQuestion, ...]:
    """Read the body of a question.

    Raises:
        InputError: it is no question; names the field.
    """
    return read_batch(body, BOUNDS, "volumes", read_grant_question)


def write_reviews(reviews: Iterable[Review]) -> dict[str, Any]:
    """Write the body of an answer: a verdict for each volume, in the order of the question."""
    return {"volumes": [{"rule": each.rule, "message": each.message} if each.rule else {} for each in reviews]}


def read_reviews(status: int, body: object, asked: Sequence[GrantQuestion]) -> list[Review]:
    """Understand an answer: a review for each volume that was asked about.

    Raises:
        BrokerError: it is no answer; asking again may help.
    """
    found = read_told(status, body, "volumes", _read_verdict, "which volumes must end")
    if len(found) != len(asked):
        problem = "the credential broker's answer is not about the volumes that were asked about"
        raise BrokerError(problem)
    return [Review(question, rule, message) for question, (rule, message) in zip(asked, found, strict=True)]


def _read_verdict(fields: Fields) -> tuple[str, str]:
    return fields.text("rule") or "", fields.text("message", lines=True) or ""
