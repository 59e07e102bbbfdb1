"""What a person should see as Events of a PipelineGroup, from two looks at it. Pure.

Few and final things: that it began, what keeps it from going on, how tasks failed, how it ended. At most so many tasks
are named; the status has them all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Raw = Mapping[str, Any]

_MOST_TASKS: Final = 10


@dataclass(frozen=True, slots=True)
class Told:
    """One Event."""

    reason: str
    note: str
    warning: bool = False


def events_between(before: Raw, after: Raw) -> list[Told]:
    """What is to be told of the step from one status to the next."""
    return [*_phases(before, after), *_tasks(before, after)]


def _phases(before: Raw, after: Raw) -> Iterator[Told]:
    phase, message = after.get("phase"), after.get("message", "")
    if phase == before.get("phase"):
        if message and message != before.get("message") and phase in {"Waiting", "Running"}:
            yield Told("Waits", message, warning=True)
        return
    if phase == "Running":
        yield Told("Started", message or "its tasks may begin")
    elif phase == "Succeeded":
        yield Told("Succeeded", message or "all its tasks have succeeded, and what it gives out is published")
    elif phase == "Cancelled":
        yield Told("Cancelled", message or "the run was cancelled")
    elif phase in {"Failed", "Lost"}:
        yield Told(str(phase), message or "its message says why", warning=True)
    elif message:
        yield Told("Waits", message)


def _tasks(before: Raw, after: Raw) -> Iterator[Told]:
    known = {each["name"]: each for each in before.get("tasks") or ()}
    told = 0
    for each in after.get("tasks") or ():
        if each["phase"] != "Failed" or known.get(each["name"], {}).get("phase") == "Failed":
            continue
        told += 1
        if told > _MOST_TASKS:
            return
        yield Told("TaskFailed", f"{each['name']}: {each.get('message', 'its log says why')}", warning=True)
