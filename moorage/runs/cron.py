"""Due times of a schedule: a cron expression in a time zone, or an interval. Pure; all times are in UTC.

Where clocks change it is as with Debian's cron: a fixed time that is skipped is due right after the gap, one that comes
twice is due once; wildcards follow the clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from moorage.errors import InputError

_NAMED: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = (5, 6)
_SECOND: Final = timedelta(seconds=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timing:
    """The timing of a schedule.

    Attributes:
        cron: five fields, or six that begin with seconds, or a name such as `@daily`; "" for none.
        zone: the IANA time zone in which the fields are read.
        every_seconds: in the place of `cron`: so often, counted from `start`.
        start: not before this.
        end: not after this; None: for ever.
    """

    cron: str = ""
    zone: str = "UTC"
    every_seconds: int = 0
    start: datetime = _LONG_AGO
    end: datetime | None = None

    def check(self, subject: str) -> None:
        """Refuse what can't be read.

        Raises:
            InputError: naming the field and the remedy.
        """
        zone = _zone(subject, self.zone)
        if not self.cron:
            return
        if len(self.fields.split()) not in _FIELDS:
            _refuse(subject, self.cron, "has neither five fields nor six")
        try:
            CronSim(self.fields, datetime(2026, 1, 1, tzinfo=zone))
        except CronSimError as error:
            _refuse(subject, self.cron, str(error).lower())

    @property
    def fields(self) -> str:
        """The cron expression with its name spelt out."""
        return _NAMED.get(self.cron.strip().lower(), self.cron)

    def following(self, after: datetime) -> datetime | None:
        """Return the first time after `after` at which it is due; None where there is none any more."""
        after = max(after, self.start - _SECOND)
        if self.every_seconds:
            passed = (after - self.start) // timedelta(seconds=self.every_seconds)
            due: datetime | None = self.start + timedelta(seconds=self.every_seconds) * (max(passed, 0) + 1)
        else:
            due = next(self._walk(after, backwards=False), None)
        return None if due is None or (self.end is not None and due > self.end) else due

    def missed(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """Return the times after `after`, up to `until`, at which it was due: the latest `most` of them, oldest first.

        It costs what is asked for, however long nobody looked.
        """
        after = max(after, self.start - _SECOND)
        until = until if self.end is None else min(until, self.end)
        if until <= after or most <= 0:
            return []
        found: list[datetime] = []
        for due in islice(self._back(until), most):
            if due <= after:
                break
            found.append(due)
        return found[::-1]

    def _back(self, until: datetime) -> Iterator[datetime]:
        if not self.every_seconds:
            yield from self._walk(until + _SECOND, backwards=True)
            return
        count = (until - self.start) // timedelta(seconds=self.every_seconds)
        while count > 0:
            yield self.start + timedelta(seconds=self.every_seconds) * count
            count -= 1

    def _walk(self, begin: datetime, *, backwards: bool) -> Iterator[datetime]:
        if not self.cron:
            return
        for local in CronSim(self.fields, begin.astimezone(ZoneInfo(self.zone)), reverse=backwards):
            yield local.astimezone(UTC)


def _zone(subject: str, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problem = f"{name[:80]!r} is no IANA time zone: write one such as Europe/Berlin"
        raise InputError(subject, "spec.timeZone", problem) from None


def _refuse(subject: str, cron: str, problem: str) -> NoReturn:
    remedy = "write minute, hour, day of month, month and day of week, such as 0 3 * * MON"
    raise InputError(subject, "spec.schedule", f"{cron[:80]!r} {problem}: {remedy}")
