"""A refusal as a value, which webhook, broker and node plugin return and pass on."""

from dataclasses import dataclass
from typing import Final

DENIED: Final = 403
NOT_FOUND: Final = 404
NOT_POSSIBLE: Final = 409


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal; asking again is no use until something changes.

    Attributes:
        code: the HTTP status: DENIED by a rule, NOT_FOUND, NOT_POSSIBLE now, or 400 and 422 for bad input.
        reason: machine-readable: the policy's rule, as `ResidencyViolated`; "" where none was asked.
        message: one sentence naming object, field and remedy.
        dataset: `namespace/name` of the one that may not be had; None where it is not about one.
    """

    code: int
    reason: str
    message: str
    dataset: str | None = None
