"""The signs and figures that all pages share."""

from collections.abc import Sequence

from moorage.objectives import BYTES, OBJECTIVES
from moorage.objectives.units import TIGHT, plain
from moorage_ui.markup import Content, Markup, element

ABSENT = "\u2013"
"""The sign that stands for a missing figure."""
_TONES = {
    "Succeeded": "good",
    "Cached": "good",
    "Failed": "bad",
    "Lost": "bad",
    "Infeasible": "bad",
    "Running": "going",
    "Planning": "going",
    "Cancelling": "going",
    "AwaitingApproval": "asks",
    "Cancelled": "off",
    "Skipped": "off",
    "Pending": "waits",
    "Waiting": "waits",
}
_WORDS = {"AwaitingApproval": "Awaiting approval"}


def phase_chip(phase: str) -> Markup:
    """Return a phase, with a sign and a colour of its own."""
    tone = _TONES.get(phase, "waits")
    return element(
        "span", element("i", class_="sign", aria_hidden="true"), _WORDS.get(phase, phase), class_=f"phase {tone}"
    )


def site_label(site: str, number: int | None) -> Markup:
    """Return a site with its colour; the number is its place among the sites of the page."""
    if not site:
        return element("span", ABSENT, class_="quiet")
    name = "" if number is None else f" s{number % 10}"
    return element("span", element("i", class_="dot", aria_hidden="true"), site, class_=f"site{name}")


def bar(done: float, total: float, label: str, tone: str = "") -> Markup:
    """Render a progress bar, as a `progress` element: its width needs no style of its own."""
    return element(
        "progress", value=f"{min(max(done, 0), max(total, 0)):g}", max=f"{max(total, 1e-9):g}", class_=tone or None,
        aria_label=label,
    )  # fmt: skip


def bytes_text(value: float | None) -> str:
    """Format bytes in decimal units, as all figures of plans."""
    return ABSENT if value is None else BYTES.unit.amount(value)


def count(number: int, noun: str, several: str = "") -> str:
    """Format a count with its noun, as `1 task` or `2 tasks`."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def cost_text(objective: str, value: str, currency: str = "") -> str:
    """Return a plan's cost by its first objective, as its status tells it; "" where it tells none."""
    first = OBJECTIVES.get(objective.partition(",")[0])
    try:
        figure = float(value)
    except ValueError:
        return ""
    return plain(figure) if first is None else first.said(figure, currency)


def difference(planned: float | None, actual: float | None) -> Content:
    """Render the difference between plan and actual."""
    if not planned or actual is None:
        return ""
    times = actual / planned
    if abs(times - 1) < 0.005:  # noqa: PLR2004 - half a percent
        return element("span", "as planned", class_="ratio quiet")
    percent = abs(times - 1) * 100
    sign = "+" if times > 1 else "\u2212"
    text = f"{plain(times)}{TIGHT}\u00d7" if times >= 2 else f"{sign}{percent:.{1 if percent < 10 else 0}f}{TIGHT}%"  # noqa: PLR2004
    return element("span", text, class_=f"ratio {'more' if times > 1 else 'less'}")


def note(*children: Content, tone: str = "") -> Markup:
    """Return a remark in a box."""
    return element("p", *children, class_=f"note {tone}".strip())


def head(title: str, *tools: Content, identity: str = "") -> Markup:
    """Return the heading of a section."""
    return element("div", element("h2", title, id=identity or None), *tools, class_="head")


def table(
    columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Content]], *, class_: str = "", caption: str = ""
) -> Markup:
    """Render a table whose rows become cards on a phone. Column: title and class (`number`, `full`, `roomy`)."""
    return element(
        "table",
        element("caption", caption, class_="hidden") if caption else None,
        element(
            "thead", element("tr", *(element("th", title, scope="col", class_=name or None) for title, name in columns))
        ),
        element("tbody", *(_row(columns, row) for row in rows)),
        class_=class_ or None,
    )


def _row(columns: Sequence[tuple[str, str]], row: Sequence[Content]) -> Markup:
    first, *others = row
    cells = [
        element("td", cell, class_=name or None, data_of=title or None)
        for (title, name), cell in zip(columns[1:], others, strict=True)
    ]
    return element("tr", element("th", first, scope="row"), *cells)
