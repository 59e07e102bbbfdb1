"""The list of runs."""

from dataclasses import dataclass
from datetime import datetime

from moorage.runs import RunPhase
from moorage_ui.markup import Content, Markup, address, element
from moorage_ui.pages.page import part
from moorage_ui.pages.words import ABSENT, bar, cost_text, count, note, phase_chip, table
from moorage_ui.views.run_rows import RunList, RunRow
from moorage_ui.views.times import ago

_COLUMNS = (
    ("Run", ""),
    ("Phase", ""),
    ("Groups done", ""),
    ("Cost", "number"),
    ("Created", "number"),
    ("", "full why"),
)


@dataclass(frozen=True, slots=True)
class RunsPage:
    """The contents of the page that lists runs.

    Attributes:
        namespace: whose runs; "": of all.
        phase, words: what was asked for.
        cut_off: whether there are more runs than were looked at.
        namespaces: that may be chosen from, where that is known.
        problem: why there is no list.
    """

    listed: RunList
    namespace: str
    phase: str
    words: str
    now: datetime
    cut_off: bool = False
    namespaces: tuple[str, ...] = ()
    problem: str = ""


def runs_content(page: RunsPage) -> list[Content]:
    """Return the page's content."""
    return [
        element(
            "section",
            element("p", "Runs", class_="eyebrow"),
            part("headline", element("h1", headline(page))),
            class_="top",
            aria_label="Summary",
        ),
        _filters(page),
        part("runs", *_list(page)),
    ]


def headline(page: RunsPage) -> str:
    """Summarize the listed runs in a sentence."""
    where = f" in {page.namespace}" if page.namespace else ""
    if page.problem:
        return f"Nothing to see{where}"
    counts = page.listed.counts
    total = sum(counts.values())
    if not total:
        return f"No runs{where} match" if page.words else f"No runs{where} yet"
    going = sum(counts.get(phase, 0) for phase in ("Planning", "Running", "Cancelling"))
    told = [
        f"{going} under way" if going else "",
        f"{counts.get(RunPhase.AWAITING_APPROVAL, 0)} to approve" if counts.get(RunPhase.AWAITING_APPROVAL) else "",
        f"{counts.get(RunPhase.FAILED, 0)} failed" if counts.get(RunPhase.FAILED) else "",
    ]
    said = "; ".join(each for each in told if each)
    return f"{count(total, 'run')}{where}{f': {said}' if said else ''}"


def _filters(page: RunsPage) -> Markup:
    phases = [("", "All phases"), ("active", "Under way"), *((phase.value, phase.value) for phase in RunPhase)]
    namespaces = sorted({*page.namespaces, *([page.namespace] if page.namespace else [])})
    place: Content
    if page.namespaces:
        place = element(
            "select",
            element("option", "All namespaces", value="", selected=not page.namespace),
            *(element("option", each, value=each, selected=each == page.namespace) for each in namespaces),
            name="namespace",
            aria_label="Namespace",
        )
    else:
        place = element(
            "input", name="namespace", value=page.namespace, placeholder="Namespace", aria_label="Namespace",
            maxlength="63", autocomplete="off", spellcheck="false",
        )  # fmt: skip
    return element(
        "form",
        place,
        element(
            "select",
            *(element("option", title, value=value, selected=value == page.phase) for value, title in phases),
            name="phase",
            aria_label="Phase",
        ),
        element(
            "input", type="search", name="words", value=page.words, placeholder="Find by name or message",
            aria_label="Find by name or message", maxlength="120", autocomplete="off", spellcheck="false",
        ),
        element("button", "Show", type="submit"),
        class_="tools filters",
        method="get",
        action="/runs",
        role="search",
    )  # fmt: skip


def _list(page: RunsPage) -> list[Content]:
    if page.problem:
        return [note(page.problem)]
    rows = page.listed.rows
    if not rows:
        how = "moorage run pipeline.yaml -n NAMESPACE"
        return [
            element(
                "div",
                element("p", "Nothing matches. " if page.words or page.phase else "Submit one: "),
                element("pre", how) if not (page.words or page.phase) else None,
                class_="card empty",
            )
        ]
    told: list[Content] = [
        element("div", table(_COLUMNS, [_row(row, page.now) for row in rows], caption="Runs"), class_="card list")
    ]
    if page.listed.total > len(rows):
        told.append(note(f"These are the newest {len(rows)} of {page.listed.total:,}. Choose a namespace or a phase."))
    if page.cut_off:
        told.append(note("There are more runs than one list looks at: choose a namespace to see all of its runs."))
    return told


def _row(row: RunRow, now: datetime) -> list[Content]:
    done, total = row.groups_done
    link = element("a", row.name, href=address("runs", row.namespace, row.name), class_="name")
    return [
        [link, element("small", row.namespace, class_="quiet")],
        phase_chip(row.phase),
        [bar(done, total, f"{done} of {total} groups done"), element("span", f"{done}/{total}")]
        if total
        else element("span", ABSENT, class_="quiet"),
        cost_text(row.objective, row.cost, row.currency) or ABSENT,
        element("time", ago(row.created, now), datetime=row.created, title=row.created),
        row.message,
    ]
