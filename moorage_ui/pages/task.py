"""One task of a run: how it ended, its log, and what it gave out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage.model import DatasetRef, Governance
from moorage.runs import Manifest, TaskEnd
from moorage_ui.markup import Content, Markup, address, element
from moorage_ui.pages.page import crumbs, part
from moorage_ui.pages.words import ABSENT, bytes_text, difference, head, note, phase_chip, site_label, table
from moorage_ui.viewers import Right
from moorage_ui.views.previews import NoPreview, Preview, TablePreview, TextPreview, metrics
from moorage_ui.views.raw import text
from moorage_ui.views.run import RunView, TaskView
from moorage_ui.views.times import clock_time, seconds_between, took
from pipeline_splitter.plan import PlannedTask

_ARTIFACTS = (("Output", ""), ("Type", ""), ("Files", "number"), ("Size", "number"), ("", "number"))


@dataclass(frozen=True, slots=True)
class LogView:
    """The visible part of a log.

    Attributes:
        shown: text; None: there is none, and `problem` says why.
        stream: what tells the rest of it, as it comes; "": nothing more will.
        next: where the stream begins, in bytes.
        cut: of a longer one, how many bytes there are in all.
    """

    shown: str | None
    problem: str = ""
    stream: str = ""
    next: int = 0
    cut: int = 0
    whole: str = ""


@dataclass(frozen=True, slots=True)
class OutputsView:
    """The visible outputs of a task.

    Attributes:
        artifacts: by output; the names of lists have several.
        parameters: by name; None: they may not be seen.
        carried: the datasets whose rules it carries; None: the plan does not say.
        missing: the rights that the person lacks to see more than names and sizes.
        chosen: output, its place in a list, and the file that is shown.
        preview: of that; None: nothing is chosen.
    """

    artifacts: Mapping[str, tuple[Manifest, ...]]
    parameters: Mapping[str, Any] | None
    carried: Mapping[DatasetRef, Governance] | None
    missing: tuple[Right, ...] = ()
    problem: str = ""
    chosen: tuple[str, int, str] | None = None
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class TaskPage:
    """The contents of one task's page."""

    run: RunView
    task: TaskView
    attempt: int
    planned: PlannedTask | None
    end: TaskEnd | None
    log: LogView
    outputs: OutputsView
    site_number: int | None
    now: datetime


def task_content(page: TaskPage) -> list[Content]:
    """Return the page's content."""
    ref = page.run.ref
    steps = (
        ("Runs", "/runs"),
        (ref.namespace, address("runs", namespace=ref.namespace)),
        (ref.name, address("runs", ref.namespace, ref.name)),
        (page.task.name, ""),
    )
    title = page.planned.title if page.planned is not None and page.planned.title else page.task.name
    # The store knows an end before the run's status does.
    phase = page.task.phase if page.end is None else page.end.phase.value
    facts = [
        phase_chip(phase),
        site_label(page.task.site, page.site_number),
        element("span", f"attempt {page.attempt}") if page.attempt > 1 else None,
        element("span", f"on {page.end.node}") if page.end is not None and page.end.node else None,
        *(
            element("a", f"attempt {number}", href=_here(page, attempt=number))
            for number in range(1, min(page.task.attempt, 20) + 1)
            if number != page.attempt
        ),
    ]
    return [
        element(
            "section",
            crumbs(*steps),
            part("headline", element("h1", title), element("p", *facts, class_="facts")),
            part("figures", _figures(page)),
            note(page.end.reason, tone="bad") if page.end is not None and page.end.reason else None,
            class_="top",
        ),
        *_log(page.log),
        *_outputs(page),
        *_why(page),
    ]


def _here(page: TaskPage, **query: str | int) -> str:
    told: dict[str, str | int] = {"task": page.task.name, "attempt": page.attempt, **query}
    return address("runs", page.run.ref.namespace, page.run.ref.name, "task", **told)


def _figures(page: TaskPage) -> Markup:
    end = page.end
    seconds = seconds_between(end.start, end.end, page.now) if end is not None and end.start else None
    planned = None if page.planned is None else page.planned.end - page.planned.start
    code = ABSENT if end is None or end.exit_code is None else str(end.exit_code)
    began = "" if end is None else " – ".join(each for each in (clock_time(end.start), clock_time(end.end)) if each)  # noqa: RUF001
    entries: tuple[tuple[str, Content, Content], ...] = (
        ("Took", took(seconds) or ABSENT, f"{began} UTC" if began else "not measured yet"),
        ("Planned", took(planned) or ABSENT, difference(planned, seconds) or "seconds at its site"),
        ("Read", bytes_text(None if end is None else end.bytes_in), "fetched for it"),
        ("Wrote", bytes_text(None if end is None else end.bytes_out), f"exit code {code}"),
    )
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", title),
                element("dd", value),
                element("dd", small, class_="small"),
                class_="figure",
            )
            for title, value, small in entries
        ),
        class_="figures",
    )


def _log(log: LogView) -> list[Content]:
    tools = element("a", "Download", href=log.whole, download=True) if log.whole else None
    if log.shown is None:
        box: Content = element("p", log.problem, class_="card empty")
    else:
        box = element(
            "pre",
            log.shown,
            id="log",
            class_="card log-box",
            tabindex="0",
            data_stream=log.stream or None,
            data_next=log.next,
            aria_label="The log",
        )
    cut = (
        f"The last part of {bytes_text(log.cut)}."
        if log.cut
        else "It grows here as the task prints."
        if log.stream
        else ""
    )
    return [
        element(
            "section",
            head("Log", element("p", cut, " ", tools, class_="quiet")),
            box,
            id="log-section",
        )
    ]


def _outputs(page: TaskPage) -> list[Content]:
    outputs = page.outputs
    if not outputs.artifacts and not outputs.parameters and not outputs.problem:
        return []
    told: list[Content] = [head("What it gave out")]
    if outputs.problem:
        told.append(note(outputs.problem))
    if outputs.artifacts:
        rows = [
            _artifact(page, name, place, manifest)
            for name, several in outputs.artifacts.items()
            for place, manifest in enumerate(several[:20])
        ]
        told.append(element("div", table(_ARTIFACTS, rows, caption="Artifacts"), class_="card list"))
    if outputs.missing:
        told.append(_kept_back(outputs))
    if outputs.parameters:
        entries = [
            element("div", element("dt", name), element("dd", text(str(value), 400)))
            for name, value in sorted(outputs.parameters.items())[:100]
        ]
        told.append(element("dl", *entries, class_="card about after-list"))
    if outputs.chosen is not None and outputs.preview is not None:
        told.append(_preview(outputs.chosen, outputs.preview))
    return [element("section", *told, id="outputs")]


def _artifact(page: TaskPage, name: str, place: int, manifest: Manifest) -> list[Content]:
    outputs = page.outputs
    numbered = len(outputs.artifacts[name]) > 1
    link = (
        element("a", "Preview", href=f"{_here(page, output=name, place=place)}#preview") if not outputs.missing else ""
    )
    figures = metrics(manifest.metadata) if not outputs.missing else []
    told = [element("span", f"{key} {value}", class_="badge") for key, value in figures[:8]]
    kind = text(manifest.type.get("schemaTitle")) or "artifact"
    return [
        [
            element("span", f"{name}[{place}]" if numbered else name, class_="name"),
            element("span", *told, class_="rules") if told else None,
        ],
        kind.removeprefix("system."),
        f"{len(manifest.files):,}",
        bytes_text(manifest.size_bytes),
        link,
    ]


def _kept_back(outputs: OutputsView) -> Markup:
    carried = ", ".join(str(ref) for ref in sorted(outputs.carried or {}))
    why = f"It carries the rules of {carried}. " if carried else ""
    rights = "; ".join(right.words() for right in outputs.missing)
    return note(f"{why}What is in it is shown to those who may: {rights}.")


def _preview(chosen: tuple[str, int, str], shown: Preview) -> Markup:
    output, _, file = chosen
    title = f"{output}/{file}" if file else output
    match shown:
        case NoPreview(reason):
            kind, body = "", element("p", reason, class_="card empty")
        case TextPreview(kind, content, whole):
            kind = kind if whole else f"{kind}, its beginning"
            body = element("pre", content, class_="card log-box", tabindex="0")
        case TablePreview(kind, columns, rows, more):
            kind = f"{kind}: {more}" if more else kind
            body = element(
                "div",
                element(
                    "table",
                    element("thead", element("tr", *(element("th", name, scope="col") for name in columns))),
                    element(
                        "tbody", *(element("tr", *(element("td", cell, title=cell) for cell in row)) for row in rows)
                    ),
                ),
                class_="card preview",
                tabindex="0",
            )
    return element("section", head(title, element("p", kind, class_="quiet")), body, id="preview")


def _why(page: TaskPage) -> list[Content]:
    task = page.planned
    if task is None:
        return []
    entries: list[tuple[str, Content]] = [("Why at this site", task.reason), ("Group", task.group)]
    for other in task.alternatives[:20]:
        said: Content
        if other.denied is not None:
            said = [element("span", other.denied.rule, class_="badge bad"), f" {other.denied.message}"]
        else:
            said = "possible, at another cost" if other.cost_delta else "costs the same"
        entries.append((f"Why not at {other.site}", said))
    if task.governance:
        entries.append(("Carries the rules of", ", ".join(str(ref) for ref in sorted(task.governance))))
    listed = [element("div", element("dt", title), element("dd", value)) for title, value in entries]
    return [element("section", head("The plan"), element("dl", *listed, class_="card about"))]
