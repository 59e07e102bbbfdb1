"""Plan beside actual, as figures and sentences. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from moorage.objectives import BYTES, OBJECTIVES
from moorage.objectives.units import TIGHT, duration
from moorage.runs.reports import ReportedTask, ReportedTransfer, RunReport
from pipeline_splitter.report.sentences import count

NOTHING, AS_PLANNED = "\u2013", "as planned"
_MINUS, _TIMES = "\u2212", "\u00d7"
_SAME = 0.01
"""Below this share a difference is none."""


@dataclass(frozen=True, slots=True)
class Span:
    """The planned and actual span of something, in seconds from the first task's start. None: it did not run."""

    start: float
    end: float
    ran: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The traffic from one site to another. `seconds` are sums, of what was measured only.

    Attributes:
        things: how many transfers were planned.
        crossed: how many did cross.
    """

    origin: str
    target: str
    things: int
    crossed: int
    planned_bytes: float
    size_bytes: float
    planned_seconds: float
    seconds: float


def size(value: float) -> str:
    """Format bytes for people."""
    return OBJECTIVES[BYTES.name].unit.amount(value)


def rate(size_bytes: float, seconds: float) -> str:
    """Format bytes a second for people; "" where nothing can be said."""
    return f"{size(size_bytes / seconds)}/s" if seconds > 0 and size_bytes > 0 else ""


def difference(actual: float | None, planned: float | None) -> tuple[str, str]:
    """Return the difference of actual and planned in words, and a word for its look: more, less or quiet."""
    if actual is None or planned is None:
        return "", "quiet"
    if not planned:
        return (AS_PLANNED, "quiet") if not actual else ("instead of 0", "more")
    share = actual / planned - 1
    if abs(share) < _SAME:
        return AS_PLANNED, "quiet"
    if share >= 1:
        return f"{actual / planned:,.3g}{TIGHT}{_TIMES}", "more"
    shown = f"{abs(share) * 100:.0f}{TIGHT}%"
    return (f"+{shown}", "more") if share > 0 else (f"{_MINUS}{shown}", "less")


def spans(report: RunReport, starts: dict[str, tuple[float, float]]) -> dict[str, Span]:
    """Return each task's span. `starts`: start and end as planned, by task, in seconds."""
    times = {
        task.name: (begin, end)
        for task in report.tasks
        if task.actual is not None
        and (begin := _time(task.actual.start)) is not None
        and (end := _time(task.actual.end)) is not None
    }
    first = min((begin for begin, _ in times.values()), default=0.0)
    return {
        task.name: Span(
            *starts.get(task.name, (0.0, task.planned_seconds)),
            None if task.name not in times else (times[task.name][0] - first, times[task.name][1] - first),
        )
        for task in report.tasks
    }


def links(transfers: Iterable[ReportedTransfer]) -> list[Link]:
    """Return the traffic of each pair of sites, the heaviest plan first."""
    pairs: dict[tuple[str, str], list[ReportedTransfer]] = {}
    for each in transfers:
        pairs.setdefault((each.origin, each.target), []).append(each)
    found = []
    for (origin, target), several in pairs.items():
        done = [each.actual for each in several if each.actual is not None]
        found.append(
            Link(
                origin,
                target,
                len(several),
                len(done),
                sum(each.planned_bytes for each in several),
                sum(each.size_bytes for each in done),
                sum(each.planned_seconds for each in several),
                sum(each.seconds or 0.0 for each in done),
            )
        )
    return sorted(found, key=lambda link: (-link.planned_bytes, link.origin, link.target))


def headline(report: RunReport) -> str:
    """Summarize the run's end in one sentence."""
    phase = report.phase or "The run has not ended"
    took = report.actual.seconds
    if took is None:
        return f"{phase}."
    return f"{phase} after {duration(took)}; {duration(report.planned.seconds or 0.0)} were planned."


def lead(report: RunReport) -> str:
    """Summarize what ran and what crossed."""
    ran = [task for task in report.tasks if task.actual is not None]
    sites = {task.site for task in ran}
    told = f"{count(len(ran), 'task')} of {len(report.tasks):,} ran, at {count(len(sites), 'site')}."
    moved = f"{size(report.actual.size_bytes)} crossed between sites; {size(report.planned.size_bytes)} were planned"
    words, _ = difference(report.actual.size_bytes, report.planned.size_bytes)
    return f"{told} {moved}{f' ({words})' if words and words != AS_PLANNED else ''}."


def task_seconds(tasks: Collection[ReportedTask]) -> tuple[float, float]:
    """Return the sum of what tasks that ran took, and of what was planned for them."""
    ran = [(task.actual.seconds, task.planned_seconds) for task in tasks if task.actual and task.actual.seconds]
    return sum(actual for actual, _ in ran), sum(planned for _, planned in ran)


def _time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
