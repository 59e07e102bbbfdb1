"""Conditions: what a person reads first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_LONGEST_MESSAGE = 2000


class State(StrEnum):
    """A condition's status."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, without its times.

    Attributes:
        type: Ready, Accessible, Governed or Claimed.
        state: its status.
        reason: CamelCase and stable.
        message: a sentence that says what to do.
    """

    type: str
    state: State
    reason: str
    message: str


def write(
    conditions: Iterable[Condition], previous: Iterable[Mapping[str, Any]], generation: int, now: str
) -> list[dict[str, Any]]:
    """Write the conditions as the API has them; the time of transition moves only where a status changed."""
    before = {str(condition.get("type")): condition for condition in previous}
    written = []
    for condition in conditions:
        old = before.get(condition.type, {})
        same = old.get("status") == condition.state.value
        written.append(
            {
                "type": condition.type,
                "status": condition.state.value,
                "reason": condition.reason,
                "message": condition.message[:_LONGEST_MESSAGE],
                "observedGeneration": generation,
                "lastTransitionTime": old.get("lastTransitionTime", now) if same else now,
            }
        )
    return written


def read(raw: Iterable[Mapping[str, Any]]) -> dict[str, Condition]:
    """Read the conditions that an object has, by type; what can't be read is left out."""
    found = {}
    for entry in raw:
        kind, state = str(entry.get("type")), entry.get("status")
        if state in set(State):
            found[kind] = Condition(kind, State(str(state)), str(entry.get("reason")), str(entry.get("message")))
    return found
