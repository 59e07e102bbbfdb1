"""A run that has ended as one page: what was planned, and what it took, task by task and link by link.

It is markup from the start to the end, so that it says everything without a script; what a pipeline's author wrote is
escaped, whatever it is.
"""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from moorage.objectives.units import duration
from moorage.runs.reports import ReportedTask, ReportedTransfer, RunReport
from pipeline_splitter.plan import Plan
from pipeline_splitter.report import actual, sentences
from pipeline_splitter.report.actual import AS_PLANNED, NOTHING, Link, difference, rate, size
from pipeline_splitter.report.assets import bundle, file, filled, policy
from pipeline_splitter.report.timeline import draw

_MOST_ROWS = 2000

Say: TypeAlias = Callable[[float], str]


def write_run_report(plan: Plan, report: RunReport) -> str:
    """Write the text of a run's `report.html`.

    Args:
        plan: the last plan that was in force, as plan.json has it.
        report: as run.json has it.
    """
    colours = {site: index % 10 for index, site in enumerate(_sites(report))}
    style, script = f"{file('page.css')}\n{file('run.css')}", bundle("run.js")
    assumed = sentences.assumed(plan)
    starts = {task.name: (task.start, task.end) for task in plan.tasks}
    titles = {task.name: task.title or task.name for task in plan.tasks}
    name = f"{report.pipeline or 'pipeline'}: {report.run.namespace}/{report.run.name}"
    parts = {
        "POLICY": policy(style, script),
        "STYLE": style,
        "SCRIPT": script,
        "NAME": html.escape(name),
        "HEADLINE": html.escape(actual.headline(report)),
        "LEAD": html.escape(actual.lead(report)),
        "ASSUMED": f'<p class="assumed">{html.escape(assumed)}</p>' if assumed else "",
        "FIGURES": _figures(report),
        "TIMELINE": draw(report.tasks, actual.spans(report, starts), titles, colours),
        "LINKS": _links(actual.links(report.transfers), colours),
        "TRANSFERS": _transfers(report.transfers, colours),
        "TASKS": _tasks(report.tasks, plan, titles, colours),
        "FOOT": html.escape(
            f"Pipeline {report.pipeline}, SHA-256 {report.digest}. Plan {report.revision}, SHA-256 "
            f"{report.plan_digest}. Sizes in decimal units."
        ),
    }
    return filled("run.html", parts)


def _sites(report: RunReport) -> list[str]:
    named = {task.site for task in report.tasks}
    named |= {site for each in report.transfers for site in (each.origin, each.target)}
    return sorted(named)


def _figures(report: RunReport) -> str:
    took, planned = actual.task_seconds(report.tasks)
    again = sum(task.actual is not None and task.actual.attempts > 1 for task in report.tasks)
    ran = sum(task.actual is not None for task in report.tasks)
    seconds = report.actual.seconds
    shown = NOTHING if seconds is None else duration(seconds)
    moved = report.actual.size_bytes
    return (
        _figure("Time", shown, report.planned.seconds, seconds, duration)
        + _figure("Moved between sites", size(moved), report.planned.size_bytes, moved, size)
        + _figure("Time in tasks", duration(took), planned, took, duration)
        + f'<div class="figure"><dt>Tried again</dt><dd>{again:,}</dd>'
        + f'<dd class="small">of {sentences.count(ran, "task")} that ran</dd></div>'
    )


def _figure(label: str, shown: str, planned: float | None, value: float | None, say: Say) -> str:
    words, look = difference(value, planned)
    told = "" if planned is None or words == AS_PLANNED else f"{say(planned)} planned"
    return (
        f'<div class="figure"><dt>{label}</dt><dd>{html.escape(shown)}</dd>'
        f'<dd class="small">{html.escape(told)} <span class="{look}">{html.escape(words)}</span></dd></div>'
    )


def _site(name: str, colours: dict[str, int]) -> str:
    return (
        f'<span class="site s{colours.get(name, 9)}"><i class="dot" aria-hidden="true"></i>{html.escape(name)}</span>'
    )


def _table(head: Sequence[str], rows: Iterable[str], numbers: int) -> str:
    """Render a table whose first `numbers` columns hold words, the others figures."""
    titles = "".join(
        f'<th scope="col"{"" if index < numbers else " class=number"}>{title}</th>' for index, title in enumerate(head)
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(title: str, text: str, about: str = "", look: str = "quiet") -> str:
    more = f'<span class="ratio {look}">{html.escape(about)}</span>' if about else ""
    return f'<td class="number" data-of="{title}">{html.escape(text)}{more}</td>'


def _compared(title: str, value: float | None, planned: float | None, say: Say) -> str:
    words, look = difference(value, planned)
    return _cell(title, NOTHING if value is None else say(value), words, look)


def _links(found: Sequence[Link], colours: dict[str, int]) -> str:
    if not found:
        return '<p class="empty">Nothing was planned to cross: every task read data at its own site.</p>'
    rows = (
        f'<tr><th scope="row">{_site(link.origin, colours)} → {_site(link.target, colours)}</th>'
        + _cell("Things", f"{link.crossed:,} of {link.things:,}")
        + _cell("Planned", size(link.planned_bytes))
        + _compared("Crossed", link.size_bytes, link.planned_bytes, size)
        + _cell("Seconds planned", duration(link.planned_seconds))
        + _compared("Took", link.seconds, link.planned_seconds, duration)
        + _cell("Speed planned", rate(link.planned_bytes, link.planned_seconds) or NOTHING)
        + _cell("Speed", rate(link.size_bytes, link.seconds) or NOTHING)
        + "</tr>"
        for link in found
    )
    head = ("From, to", "Things", "Planned", "Crossed", "Seconds planned", "Took", "Speed planned", "Speed")
    return _table(head, rows, 1)


def _transfers(transfers: Sequence[ReportedTransfer], colours: dict[str, int]) -> str:
    if not transfers:
        return '<p class="empty">Nothing.</p>'
    ordered = sorted(transfers, key=lambda each: (-each.planned_bytes, each.key, each.target))
    rows = (
        f'<tr><th scope="row">{html.escape(each.key)}</th>'
        f'<td data-of="From, to">{_site(each.origin, colours)} → {_site(each.target, colours)}</td>'
        + _cell("Planned", size(each.planned_bytes))
        + _compared("Crossed", None if each.actual is None else each.actual.size_bytes, each.planned_bytes, size)
        + _cell("Seconds planned", duration(each.planned_seconds))
        + _compared("Took", None if each.actual is None else each.actual.seconds, each.planned_seconds, duration)
        + "</tr>"
        for each in ordered[:_MOST_ROWS]
    )
    head = ("What", "From, to", "Planned", "Crossed", "Seconds planned", "Took")
    return _table(head, rows, 2) + _rest(len(ordered), "transfers")


def _tasks(tasks: Sequence[ReportedTask], plan: Plan, titles: dict[str, str], colours: dict[str, int]) -> str:
    if not tasks:
        return '<p class="empty">There was nothing to run.</p>'
    guessed = {task.name for task in plan.tasks if "seconds" in task.assumed}
    rows = (
        _task_row(task, titles.get(task.name, task.name), task.name in guessed, colours) for task in _ordered(tasks)
    )
    head = ("Task", "Site", "How it ended", "Planned", "Took", "Fetched", "Gave out", "Attempts")
    return _table(head, rows, 3) + _rest(len(tasks), "tasks")


def _ordered(tasks: Sequence[ReportedTask]) -> list[ReportedTask]:
    """Sort those first that differ most from the plan: that is what a reader looks for."""

    def missed(task: ReportedTask) -> float:
        seconds = None if task.actual is None else task.actual.seconds
        return 0.0 if seconds is None else abs(seconds - task.planned_seconds)

    return sorted(tasks, key=lambda task: (-missed(task), task.name))[:_MOST_ROWS]


def _task_row(task: ReportedTask, title: str, guessed: bool, colours: dict[str, int]) -> str:  # noqa: FBT001
    done = task.actual
    also = f'<span class="ratio quiet">{html.escape(task.name)}</span>' if title != task.name else ""
    look = "" if done is None else " good" if done.phase == "Succeeded" else " bad"
    phase = "did not run" if done is None else done.phase
    return (
        f'<tr><th scope="row">{html.escape(title)}{also}</th>'
        f'<td data-of="Site">{_site(task.site, colours)}</td>'
        f'<td data-of="How it ended"><span class="badge{look}">{html.escape(phase)}</span></td>'
        + _cell("Planned", duration(task.planned_seconds), "assumed" if guessed else "")
        + _compared("Took", None if done is None else done.seconds, task.planned_seconds, duration)
        + _cell("Fetched", NOTHING if done is None else size(done.bytes_in))
        + _cell("Gave out", NOTHING if done is None else size(done.bytes_out))
        + _cell("Attempts", NOTHING if done is None else f"{done.attempts:,}")
        + "</tr>"
    )


def _rest(number: int, noun: str) -> str:
    if number <= _MOST_ROWS:
        return ""
    return f'<p class="quiet">{_MOST_ROWS:,} of {number:,} {noun}; run.json has all.</p>'
