"""One HTML page: markup, style and script of ours, and the facts as JSON that can't end its element."""

import html
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from moorage.errors import InputError
from moorage.sites import Inventory
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Plan
from pipeline_splitter.report.assets import bundle, file, filled, policy
from pipeline_splitter.report.comparison import Scenario
from pipeline_splitter.report.facts import gather

_SCRIPTS = (
    "words",
    "elements",
    "choice",
    "graph",
    "drawing",
    "moving",
    "schedule",
    "flows",
    "comparison",
    "panel",
    "table",
    "search",
    "sites",
    "start",
)
"""The scripts in order; each may use those before it when the page starts, and all of them later."""
_FACTS_BEGIN = '<script id="facts" type="application/json">'
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write_report(
    plan: Plan,
    graph: Graph,
    inventory: Inventory,
    comparison: Sequence[Scenario] = (),
    warnings: Sequence[str] = (),
) -> str:
    """Write the text of `report.html`.

    Args:
        plan: the plan to show.
        graph: the pipeline that was planned, with the tasks that the plan put in.
        inventory: all sites.
        comparison: other ways to place it, in the order in which they are shown.
        warnings: sentences for the person who planned; the plan's own are shown too.
    """
    facts = gather(plan, graph, inventory, comparison, tuple(dict.fromkeys((*plan.warnings, *warnings))))
    style, script = file("page.css"), _script()
    parts = {
        "POLICY": policy(style, script),
        "STYLE": style,
        "SCRIPT": script,
        "NAME": html.escape(plan.pipeline_name or "pipeline"),
        "HEADLINE": html.escape(facts["headline"]),
        "PROVEN": html.escape(facts["proven"]),
        "ASSUMED": f'<p class="assumed">{html.escape(facts["assumed"])}</p>' if facts["assumed"] else "",
        "FACTS": script_json(facts),
    }
    return filled("page.html", parts)


def read_facts(text: str, subject: str = "report.html") -> dict[str, Any]:
    """Read the facts from a page that `write_report` wrote, to draw the plan again.

    Raises:
        InputError: it is no such page.
    """
    _, begin, rest = text.partition(_FACTS_BEGIN)
    content, end, _ = rest.partition("</script>")
    if not begin or not end:
        raise InputError(subject, "facts", "is missing: this is no report of a plan")
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(subject, "facts", "can't be read: plan again") from None
    if not isinstance(facts, dict):
        raise InputError(subject, "facts", "must be a JSON object: plan again")
    return facts


def drawing_style() -> str:
    """Return the page's style sheet."""
    return file("page.css")


def drawing_script(names: Sequence[str]) -> str:
    """Return some of the page's scripts, in this order and in one scope, for another page that draws a plan.

    The page has an element `facts` with the facts as JSON, and those that the scripts look for.
    """
    return "\n".join(file(f"{name}.js") for name in names)


def script_json(value: Any) -> str:  # noqa: ANN401 - whatever is JSON
    """Return JSON for a script element: nothing in it can end that element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text.encode("utf-8", "backslashreplace").decode()


@cache
def _script() -> str:
    return bundle(*(f"{name}.js" for name in _SCRIPTS))
