"""Times and how long things take, in words."""

from datetime import UTC, datetime

from moorage.objectives.units import duration

_SHORT = ((60, 1, "s"), (3600, 60, "min"), (2 * 86400, 3600, "h"))


def read_time(text: str) -> datetime | None:
    """Read an RFC 3339 time; None where it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo is not None else None


def seconds_between(start: str, end: str, now: datetime) -> float | None:
    """Return the seconds between two times, or until now where there is no end; None where there is no start."""
    begun, ended = read_time(start), read_time(end) or now
    return None if begun is None else max((ended - begun).total_seconds(), 0.0)


def took(seconds: float | None) -> str:
    """Format a duration, with tenths below ten seconds; "" where it is unknown."""
    if seconds is None:
        return ""
    return duration(round(seconds, 1) if seconds < 10 else round(seconds))  # noqa: PLR2004


def ago(text: str, now: datetime) -> str:
    """Format a time relative to now, as `3 min ago`; "" where it is no time."""
    time = read_time(text)
    if time is None:
        return ""
    seconds = max(int((now - time).total_seconds()), 0)
    for limit, unit, name in _SHORT:
        if seconds < limit:
            return f"{seconds // unit}\u00a0{name} ago"
    return f"{seconds // 86400}\u00a0days ago"


def clock_time(text: str) -> str:
    """Format a time of day, as `14:02:31` in UTC; "" where it is no time."""
    time = read_time(text)
    return "" if time is None else time.strftime("%H:%M:%S")
