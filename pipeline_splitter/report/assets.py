"""The pages' own files, and how they become one page that loads nothing."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page that holds this style and this script, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def bundle(*names: str) -> str:
    """Scripts as one, in this order."""
    return "\n".join(['"use strict";', "(() => {", *(file(name) for name in names), "})();"])


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Return the template with each `{{NAME}}` replaced by the part of that name."""
    page = "".join(parts[part[1]] if isinstance(part, tuple) else part for part in _pieces(template))
    # Half of a surrogate pair can't be encoded; it can only come from names, which are shown as text.
    return page.encode("utf-8", "replace").decode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def file(name: str) -> str:
    """Return the text of a file of the pages."""
    return (resources.files("pipeline_splitter.report") / "page" / name).read_text("utf-8")


@cache
def _pieces(template: str) -> tuple[str | tuple[str, str], ...]:
    """Return its text and, between, ("part", NAME) for each {{NAME}}: what is put in is never looked at again."""
    found: list[str | tuple[str, str]] = []
    for piece in file(template).split("{{"):
        name, mark, rest = piece.partition("}}")
        if found and mark:
            found += [("part", name), rest]
        else:
            found.append(piece)
    return tuple(found)
