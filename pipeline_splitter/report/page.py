"""One HTML page: markup, style and script of ours, and the facts as JSON that can't end its element."""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from moorage.sites import Inventory
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Plan
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
    "start",
)
"""In this order; each may use those before it when the page starts, and all of them later."""
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write_report(
    plan: Plan,
    graph: Graph,
    inventory: Inventory,
    comparison: Sequence[Scenario] = (),
    warnings: Sequence[str] = (),
) -> str:
    """The text of `report.html`.

    Args:
        plan: what is shown.
        graph: the pipeline that was planned, with the tasks that the plan put in.
        inventory: all sites.
        comparison: other ways to place it, in the order in which they are shown.
        warnings: sentences for the person who planned; the plan's own are shown too.
    """
    facts = gather(plan, graph, inventory, comparison, tuple(dict.fromkeys((*plan.warnings, *warnings))))
    style, script = _style(), _script()
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": policy,
        "STYLE": style,
        "SCRIPT": script,
        "NAME": html.escape(plan.pipeline_name or "pipeline"),
        "HEADLINE": html.escape(facts["headline"]),
        "PROVEN": html.escape(facts["proven"]),
        "ASSUMED": f'<p class="assumed">{html.escape(facts["assumed"])}</p>' if facts["assumed"] else "",
        "FACTS": script_json(facts),
    }
    page = "".join(parts[part[1]] if isinstance(part, tuple) else part for part in _template())
    # Half of a surrogate pair can't be encoded; it can only come from names, which are shown as text.
    return page.encode("utf-8", "replace").decode()


def script_json(value: Any) -> str:  # noqa: ANN401 - whatever is JSON
    """JSON for a script element: nothing in it can end that element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text.encode("utf-8", "backslashreplace").decode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return (resources.files("pipeline_splitter.report") / "page" / name).read_text("utf-8")


@cache
def _style() -> str:
    return _file("page.css")


@cache
def _script() -> str:
    return "\n".join(['"use strict";', "(() => {", *(_file(f"{name}.js") for name in _SCRIPTS), "})();"])


@cache
def _template() -> tuple[str | tuple[str, str], ...]:
    """The page's text and, between, ("part", NAME) for each {{NAME}}: what is put in is never looked at again."""
    found: list[str | tuple[str, str]] = []
    for piece in _file("page.html").split("{{"):
        name, mark, rest = piece.partition("}}")
        if found and mark:
            found += [("part", name), rest]
        else:
            found.append(piece)
    return tuple(found)
