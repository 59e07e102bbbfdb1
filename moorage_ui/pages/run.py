"""One run: how far it is, where its tasks run, plan beside actual."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage.runs import RunPhase
from moorage_ui.markup import Content, Markup, address, data_block, element
from moorage_ui.pages.page import crumbs, part
from moorage_ui.pages.words import (
    ABSENT,
    bar,
    bytes_text,
    cost_text,
    count,
    difference,
    head,
    note,
    phase_chip,
    site_label,
    table,
)
from moorage_ui.views.plan import TaskRow, TransferRow
from moorage_ui.views.run import GroupView, RunView
from moorage_ui.views.times import ago, seconds_between, took
from pipeline_splitter.plan import Plan

_GROUPS = (
    ("Group", ""),
    ("Site", ""),
    ("Phase", ""),
    ("Took", "number"),
    ("What it waits for, or why it ended", "full why"),
)
_TASKS = (
    ("Task", ""),
    ("Site", ""),
    ("Phase", ""),
    ("Planned", "number"),
    ("Took", "number"),
    ("Read", "number roomy"),
    ("Wrote", "number roomy"),
    ("", "number log"),
)
_TRANSFERS = (("What", ""), ("From", ""), ("To", ""), ("Planned", "number"), ("Crossed", "number"))
_MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class RunPage:
    """The contents of one run's page.

    Attributes:
        plan: None where it can't be read; `problem` says why.
        state: phases for the drawing.
        numbers: the colour of each site.
        currency: the currency of the sites' prices; "" where none is named.
    """

    run: RunView
    plan: Plan | None
    tasks: tuple[TaskRow, ...]
    transfers: tuple[TransferRow, ...]
    state: Mapping[str, Any]
    numbers: Mapping[str, int]
    now: datetime
    problem: str = ""
    may_read_logs: bool = True


def run_content(page: RunPage) -> list[Content]:
    """Return the page's content."""
    run = page.run
    steps = (("Runs", "/runs"), (run.ref.namespace, address("runs", namespace=run.ref.namespace)), (run.ref.name, ""))
    return [
        element(
            "section",
            crumbs(*steps),
            part(
                "headline",
                element("h1", headline(page)),
                element("p", run.message, class_="proven") if run.message else None,
            ),
            part("figures", _figures(page)),
            class_="top",
            aria_label="Summary",
        ),
        element("div", id="sites", class_="sites", role="group", aria_label="Show only these sites"),
        element(
            "section",
            head("Where each task runs", element("div", id="graph-tools", class_="tools"), identity="graph-title"),
            element("div", id="graph-box", class_="card graph-box"),
            element("p", id="graph-key", class_="key"),
            element("p", *_legend(), class_="key phases"),
            part("plan-note", note(page.problem) if page.problem else None),
            id="graph",
            aria_labelledby="graph-title",
        ),
        part("state-part", data_block("state", page.state)),
        part("groups", *_groups(page)),
        part("tasks", *_tasks(page)),
        part("transfers", *_transfers(page)),
        part("about", *_about(page)),
    ]


def headline(page: RunPage) -> str:  # noqa: PLR0911 - one for each phase
    """Summarize a run's progress in a sentence."""
    run = page.run
    done, total = run.groups_done
    tasks = sum(run.task_counts.values())
    ended = sum(run.task_counts.get(phase, 0) for phase in ("Succeeded", "Cached", "Skipped"))
    time = took(seconds_between(run.start or run.created, run.end, page.now))
    match run.phase:
        case RunPhase.PLANNING:
            return "Looking for the best placement"
        case RunPhase.AWAITING_APPROVAL:
            return "The plan waits for approval"
        case RunPhase.RUNNING:
            return (
                f"Running: {ended} of {count(tasks, 'task')} done"
                if tasks
                else f"Running: {done} of {count(total, 'group')} done"
            )
        case RunPhase.SUCCEEDED:
            where = f" at {count(len(run.sites), 'site')}" if run.sites else ""
            return f"Succeeded in {time}: {count(tasks, 'task')}{where}; {_crossed(run)}"
        case RunPhase.FAILED:
            failed = sum(group.phase in {"Failed", "Lost"} for group in run.groups)
            return f"Failed after {time}" + (f": {failed} of {count(total, 'group')}" if failed else "")
        case RunPhase.INFEASIBLE:
            return "No placement meets the rules"
        case RunPhase.CANCELLING:
            return "Being cancelled"
        case _:
            return f"Cancelled after {time}"


def _crossed(run: RunView) -> str:
    return f"{bytes_text(run.bytes_moved)} crossed" if run.bytes_moved else "nothing crossed"


def _figures(page: RunPage) -> Markup:
    run, plan = page.run, page.plan
    done, total = run.groups_done
    seconds = seconds_between(run.start or run.created, run.end, page.now)
    planned_seconds = plan.costs.get("time") if plan is not None else None
    first = plan.cost[0] if plan is not None and plan.cost else None
    crossed = run.bytes_moved
    sign = "asked" if not run.phase.is_final else ""
    return element(
        "dl",
        _figure("Phase", phase_chip(run.phase.value), f"created {ago(run.created, page.now)}", sign),
        _figure(
            "Groups done",
            f"{done} of {total}" if total else ABSENT,
            bar(done, total, "groups done") if total else "no plan yet",
        ),
        _figure(
            "Crossed between sites",
            bytes_text(crossed),
            [
                bar(crossed, run.bytes_planned, "bytes crossed"),
                element("span", f"of {bytes_text(run.bytes_planned)} planned"),
            ]
            if run.bytes_planned
            else ("nothing is planned to cross" if total else "no plan yet"),
        ),
        _figure(
            "Time",
            element(
                "span", took(seconds) or ABSENT, data_since=None if run.phase.is_final else run.start or run.created
            ),
            f"planned {took(planned_seconds)}" if planned_seconds else "since it began",
        ),
        _figure(
            "Cost, as planned",
            cost_text(first.objective, f"{first.value}", plan.currency)
            if first is not None and plan is not None
            else ABSENT,
            (("proven best" if first.optimal else "not proven best") if first is not None else f"by {run.objective}"),
        ),
        class_="figures five",
    )


def _figure(title: str, value: Content, small: Content, extra: str = "") -> Markup:
    return element(
        "div", element("dt", title), element("dd", value), element("dd", small, class_="small"),
        class_=f"figure {extra}".strip(),
    )  # fmt: skip


def _legend() -> list[Content]:
    return [phase_chip(phase) for phase in ("Pending", "Running", "Succeeded", "Failed", "Skipped")]


def _groups(page: RunPage) -> list[Content]:
    groups = page.run.groups
    if not groups:
        return []
    shown = groups[:_MOST_ROWS]
    rows = [_group(page, group) for group in shown]
    told: list[Content] = [head("Groups"), element("div", table(_GROUPS, rows, caption="Groups"), class_="card list")]
    if len(groups) > len(shown):
        told.append(note(f"These are {len(shown)} of {len(groups):,} groups."))
    return [element("section", *told)]


def _group(page: RunPage, group: GroupView) -> list[Content]:
    again = f", attempt {group.attempt}" if group.attempt > 1 else ""
    seconds = seconds_between(group.start, group.end, page.now) if group.start else None
    return [
        element("span", f"{group.id}{again}", class_="name"),
        site_label(group.site, page.numbers.get(group.site)),
        phase_chip(group.phase),
        took(seconds) or ABSENT,
        group.message,
    ]


def _tasks(page: RunPage) -> list[Content]:
    if not page.tasks:
        counts = page.run.task_counts
        if not counts:
            return []
        told = [element("span", phase_chip(phase), f" {number:,}") for phase, number in sorted(counts.items())]
        return [element("section", head("Tasks"), element("p", *told, class_="card empty counts"))]
    shown = page.tasks[:_MOST_ROWS]
    rows = [_task(page, row) for row in shown]
    measured = [row for row in page.tasks if row.actual_seconds is not None and row.planned_seconds is not None]
    planned = sum(row.planned_seconds or 0 for row in measured)
    actual = sum(row.actual_seconds or 0 for row in measured)
    summary: Content = ""
    if measured:
        summary = element(
            "p", f"{count(len(measured), 'task')} measured: {took(actual)} of work, {took(planned)} planned",
            " ", difference(planned, actual), class_="quiet",
        )  # fmt: skip
    return [
        element(
            "section",
            head("Tasks, plan against actual", summary),
            element("div", table(_TASKS, rows, caption="Tasks"), class_="card list tasks"),
            note(f"These are {len(shown)} of {len(page.tasks):,} tasks.") if len(page.tasks) > len(shown) else None,
        )
    ]


def _task(page: RunPage, row: TaskRow) -> list[Content]:
    run = page.run.ref
    where = address("runs", run.namespace, run.name, "task", task=row.name, attempt=row.attempt or None)
    name = (
        element("a", row.title or row.name, href=where, class_="name")
        if row.attempt
        else element("span", row.title or row.name, class_="name")
    )
    again = f"attempt {row.attempt}" if row.attempt > 1 else ""
    small = "; ".join(each for each in (row.name if row.title else "", again) if each)
    return [
        [name, element("small", small, class_="quiet") if small else None],
        site_label(row.site, page.numbers.get(row.site)),
        phase_chip(row.phase),
        took(row.planned_seconds) or ABSENT,
        [took(row.actual_seconds) or ABSENT, difference(row.planned_seconds, row.actual_seconds)],
        bytes_text(row.bytes_in),
        bytes_text(row.bytes_out),
        element("a", "Log", href=f"{where}#log") if row.attempt and page.may_read_logs else "",
    ]


def _transfers(page: RunPage) -> list[Content]:
    if not page.transfers:
        return []
    rows: list[list[Content]] = [
        [
            element("span", row.what, class_="name"),
            site_label(row.origin, page.numbers.get(row.origin)),
            site_label(row.target, page.numbers.get(row.target)),
            [bytes_text(row.planned_bytes), element("span", took(row.planned_seconds), class_="ratio quiet")],
            [
                bytes_text(row.actual_bytes),
                element("span", took(row.actual_seconds), class_="ratio quiet")
                if row.actual_seconds is not None
                else None,
                difference(row.planned_bytes, row.actual_bytes),
            ],
        ]
        for row in page.transfers[:_MOST_ROWS]
    ]
    summary = f"{bytes_text(page.run.bytes_moved)} crossed; the plan expected {bytes_text(page.run.bytes_planned)}"
    return [
        element(
            "section",
            head("What crosses between sites", element("p", summary, class_="quiet")),
            element("div", table(_TRANSFERS, rows, caption="Transfers"), class_="card list"),
        )
    ]


def _about(page: RunPage) -> list[Content]:
    run = page.run
    entries: list[tuple[str, Content]] = [
        ("Objective", run.objective),
        ("Service account", run.account),
        (
            "Plan",
            f"{run.plan_digest[:12]}{f', the {run.plan_revision}. of this run' if run.plan_revision > 1 else ''}"
            if run.plan_digest
            else ABSENT,
        ),
        ("Uid", run.ref.uid),
    ]
    entries += [(f"Parameter {name}"[:120], _value(value)) for name, value in sorted(run.parameters.items())[:50]]
    entries += [
        (
            each.type,
            [
                element(
                    "span", each.reason or each.status, class_=f"badge {'good' if each.status == 'True' else 'bad'}"
                ),
                f" {each.message}",
            ],
        )
        for each in run.conditions
    ]
    listed = [element("div", element("dt", title), element("dd", value)) for title, value in entries]
    return [element("section", head("About this run"), element("dl", *listed, class_="card about"))]


def _value(value: object) -> str:
    told = str(value)
    return told if len(told) <= 200 else f"{told[:199]}…"  # noqa: PLR2004 - a line or two
