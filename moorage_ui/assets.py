"""The files that pages load: style sheets and scripts of ours, each sent whole, and nothing from anywhere else."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from pipeline_splitter.report import drawing_script, drawing_style

_DRAWING: Final = ("words", "elements", "choice", "graph", "drawing", "moving", "schedule", "panel", "sites")
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g fill="#0b5cad" stroke="#0b5cad" stroke-width="1.6">'
    '<circle cx="5" cy="12" r="3"/><circle cx="19" cy="5" r="3"/><circle cx="19" cy="19" r="3"/>'
    '<path d="M8 11 16 6M8 13l8 5"/></g></svg>'
)
_JAVASCRIPT: Final = "text/javascript; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file, held in memory."""

    content: bytes
    content_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return all of them, by name."""
    return {
        "drawing.css": Asset(drawing_style().encode(), "text/css; charset=utf-8"),
        "ui.css": Asset(_file("ui.css"), "text/css; charset=utf-8"),
        "icon.svg": Asset(_ICON.encode(), "image/svg+xml"),
        "theme.js": Asset(_scope(_text("theme.js")), _JAVASCRIPT),
        "live.js": Asset(_scope(_text("live.js")), _JAVASCRIPT),
        "log.js": Asset(_scope(_text("log.js")), _JAVASCRIPT),
        "run.js": Asset(_scope(drawing_script(_DRAWING), _text("run.js")), _JAVASCRIPT),
    }


@cache
def versions() -> str:
    """Return a digest that tells these files from those of another version."""
    told = hashlib.sha256()
    for name, asset in assets().items():
        told.update(name.encode() + asset.content)
    return told.hexdigest()[:12]


def _scope(*scripts: str) -> bytes:
    return "\n".join(['"use strict";', "(() => {", *scripts, "})();"]).encode()


def _text(name: str) -> str:
    return _file(name).decode()


def _file(name: str) -> bytes:
    return (resources.files("moorage_ui") / "files" / name).read_bytes()
