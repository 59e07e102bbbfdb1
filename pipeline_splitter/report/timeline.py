"""The timeline of a run: a lane for each site, two bars for each task, planned and actual. Pure."""

import html
from collections.abc import Iterable, Mapping, Sequence

from moorage.objectives.units import duration
from moorage.runs.reports import ReportedTask
from pipeline_splitter.report.actual import Span

_WIDTH = 1190.0
_NAME_WIDTH = 210.0
_MOST_DRAWN = 600
_LONGEST = 30
_STEPS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 604800)
_TOP, _ROW, _LANE = 30.0, 24.0, 26.0
_MOST_TICKS = 9


def draw(
    tasks: Sequence[ReportedTask], spans: Mapping[str, Span], titles: Mapping[str, str], colours: Mapping[str, int]
) -> str:
    """Return an SVG element.

    Args:
        tasks: those of the run.
        spans: of each task, seconds from the first one's start.
        titles: what tasks are called.
        colours: of each site, a number from 0 to 9.
    """
    if not tasks:
        return '<p class="empty">There was nothing to run.</p>'
    shown = sorted(tasks, key=lambda task: (spans[task.name].start, task.name))[:_MOST_DRAWN]
    last = max(max(span.end, span.ran[1] if span.ran else 0.0) for span in spans.values())
    scale = (_WIDTH - _NAME_WIDTH - 16) / max(last, 0.001)
    bars: list[str] = []
    y = _TOP
    for site in sorted({task.site for task in shown}):
        tint = f"s{colours.get(site, 9)}"
        bars.append(f'<text class="group-name {tint}" x="0" y="{y + 13:g}">{html.escape(site)}</text>')
        y += _LANE - 4
        for task in (task for task in shown if task.site == site):
            bars.append(_row(task, spans[task.name], titles.get(task.name, task.name), tint, scale, y))
            y += _ROW
        y += 8
    ticks = "".join(_tick(seconds, scale, y) for seconds in _ticks(last))
    more = (
        f'<p class="quiet">{_MOST_DRAWN:,} of {len(tasks):,} tasks are drawn.</p>' if len(tasks) > _MOST_DRAWN else ""
    )
    return (
        f'<svg viewBox="-12 0 {_WIDTH + 24:g} {y:g}" width="{_WIDTH + 24:g}" height="{y:g}" role="img" '
        f'aria-label="Each task as planned and as it ran">{ticks}{"".join(bars)}</svg>{more}'
    )


def _row(task: ReportedTask, span: Span, title: str, tint: str, scale: float, y: float) -> str:  # noqa: PLR0913, PLR0917
    name = title if len(title) <= _LONGEST else f"{title[: _LONGEST - 9]}…{title[-8:]}"
    told = f"{title}, at {task.site}\nplanned {duration(span.start)} to {duration(span.end)}"
    told += f"\nran {duration(span.ran[0])} to {duration(span.ran[1])}" if span.ran else "\ndid not run"
    failed = " failed" if task.actual is not None and task.actual.phase == "Failed" else ""
    ran = ""
    if span.ran is not None:
        ran = _bar(f"ran {tint}{failed}", span.ran[0], span.ran[1], scale, y + 11)
    return (
        f"<g><title>{html.escape(told)}</title>"
        f'<text class="group-sum" x="0" y="{y + 14:g}">{html.escape(name)}</text>'
        f"{_bar(f'planned {tint}', span.start, span.end, scale, y + 1)}{ran}</g>"
    )


def _bar(look: str, start: float, end: float, scale: float, y: float) -> str:
    width = max((end - start) * scale, 2.0)
    return (
        f'<rect class="{look}" x="{_NAME_WIDTH + start * scale:.1f}" y="{y:g}" width="{width:.1f}" height="8" rx="3"/>'
    )


def _ticks(last: float) -> Iterable[float]:
    apart = next((step for step in _STEPS if last / step <= _MOST_TICKS), last or 1.0)
    return (apart * index for index in range(int(last / apart) + 1))


def _tick(seconds: float, scale: float, bottom: float) -> str:
    x = _NAME_WIDTH + seconds * scale
    label = ""
    if x < _WIDTH - 40:
        label = f'<text class="group-sum" x="{x:.1f}" y="14">{html.escape(duration(seconds))}</text>'
    return f'<path class="tick" d="M{x:.1f} 20V{bottom:g}"/>{label}'
