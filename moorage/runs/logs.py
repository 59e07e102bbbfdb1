"""A task's logs in a store: which attempts a listing shows, and where the next bytes of a log are. Pure.

While an attempt runs, its log is in parts, `log.1`, `log.2`, ..., which follow each other byte by byte. Once it has
ended, `log` holds all of it, what was in the parts first; so an offset into the one is an offset into the other.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.errors import InputError

_LONGEST_TASK: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
LOG_SUBRESOURCE: Final = "log"
"""The subresource of StretchedPipelines whose `get` permits reading logs. No API serves it; roles name it."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes of one object of an attempt: `what` is `log` or `log.<n>`, `start` where they begin in it."""

    what: str
    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AttemptLog:
    """The log of one attempt, as a listing shows it.

    Attributes:
        number: the attempt's, from 1.
        log_bytes: of the whole log; None: it is not written yet.
        part_bytes: of each part, as far as none is missing.
        ended: whether the attempt has ended.
    """

    number: int
    log_bytes: int | None = None
    part_bytes: tuple[int, ...] = ()
    ended: bool = False

    @property
    def size_bytes(self) -> int:
        """The bytes that can be read by now."""
        return sum(self.part_bytes) if self.log_bytes is None else self.log_bytes

    def is_complete(self, offset: int) -> bool:
        """Return whether nothing follows `offset` any more."""
        return self.log_bytes is not None and offset >= self.log_bytes

    def extent(self, offset: int) -> Extent | None:
        """Return the object with the byte at `offset`, and its content from there on; None where nothing has it yet."""
        if self.log_bytes is not None:
            return Extent("log", offset, self.log_bytes - offset) if offset < self.log_bytes else None
        begins = 0
        for number, size in enumerate(self.part_bytes, 1):
            if offset < begins + size:
                return Extent(f"log.{number}", offset - begins, begins + size - offset)
            begins += size
        return None


@dataclass(slots=True)
class _Seen:
    log_bytes: int | None = None
    parts: dict[int, int] = field(default_factory=dict)
    ended: bool = False


def attempt_logs(objects: Iterable[tuple[str, int]]) -> list[AttemptLog]:
    """Return the attempts of one task, by number.

    Args:
        objects: names below `R/tasks/<task>/`, and sizes. What belongs to tasks inside of it is passed over.
    """
    seen: dict[int, _Seen] = {}
    for name, size in objects:
        number, slash, what = name.partition("/")
        if not slash or not _is_number(number) or "/" in what:
            continue
        attempt = seen.setdefault(int(number), _Seen())
        if what == "log":
            attempt.log_bytes = size
        elif what == "ended":
            attempt.ended = True
        elif (part := log_part(what)) is not None:
            attempt.parts[part] = size
    return [
        AttemptLog(number, each.log_bytes, _unbroken(each.parts), each.ended) for number, each in sorted(seen.items())
    ]


def log_part(what: str) -> int | None:
    """Return the number of a part, by the name of its object; None where it is none."""
    number = what.removeprefix("log.")
    return int(number) if number != what and _is_number(number) else None


def _unbroken(parts: Mapping[int, int]) -> tuple[int, ...]:
    sizes: list[int] = []
    while len(sizes) + 1 in parts:
        sizes.append(parts[len(sizes) + 1])
    return tuple(sizes)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10 and text[0] != "0"  # noqa: PLR2004 - digits


def sites_of(status: Mapping[str, Any], task: str) -> list[str]:
    """Return the sites in whose stores a task's logs may be, the likeliest first.

    Args:
        status: the status of the StretchedPipeline.
        task: its name; one of a loop's iterations (`train#2/evaluate`) lies where the loop (`train`) does.
    """
    unit = task.partition("#")[0]
    named = {str(each.get("name")): str(each.get("site") or "") for each in status.get("tasks") or ()}
    sites = [named.get(task, ""), named.get(unit, "")]
    sites += [str(group.get("site") or "") for group in status.get("groups") or ()]
    return list(dict.fromkeys(site for site in sites if site))


def checked_task(text: str) -> str:
    """Return a task's name that somebody sent: it becomes part of a key, and must not lead to another run's objects.

    Raises:
        InputError: it can be none.
    """
    parts = text.split("/")
    if len(text) > _LONGEST_TASK or {"", ".", ".."} & set(parts) or _CONTROL.search(text):
        raise InputError("task", text[:80], "is no name of a task")
    return text
