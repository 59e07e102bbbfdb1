"""What makes the documentation a site: `make docs` lets Sphinx read the Markdown pages as they are.

The pages are written for a reader of the repository, so what only a site needs (its navigation) is added here.
"""

# ruff: noqa: INP001
# Sphinx reads this file by its path.

from pathlib import Path

from sphinx.application import Sphinx

_ROOT = Path(__file__).parents[1]

project = "Moorage"
author = "The Moorage authors"
extensions = ["myst_parser"]
root_doc = "README"
source_suffix = {".md": "markdown"}
include_patterns = ["*.md", "docs/**.md", "examples/*.md", "charts/**.md"]
exclude_patterns = [".*", "**/.*", "build", "tests", "*.egg-info"]
# As GitHub makes them, so that a link works in both.
myst_heading_anchors = 6
# What is abridged in a page is not the language that it says.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "Moorage"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False

# What is in no section comes last, so that a new page is never lost.
_SECTIONS = {
    "Use": (
        "docs/install",
        "docs/first-dataset",
        "docs/pod-labels",
        "docs/datasets",
        "docs/dataset-status",
        "docs/caches",
        "docs/frameworks",
        "docs/memory",
    ),
    "Come from Datashim": ("docs/compatibility",),
    "Plan pipelines": ("docs/plan-inputs", "docs/plan", "docs/bound", "docs/kfp-client", "docs/ui", "docs/client"),
    "Operate": (
        "docs/operations",
        "docs/audit",
        "docs/upgrading",
        "docs/hardening",
        "docs/threat-model",
        "docs/limits",
    ),
    "Try and develop": (
        "docs/development-cluster",
        "docs/architecture",
        "docs/adding-a-source",
        "docs/decisions/README",
    ),
    "Figures": ("docs/performance", "docs/performance/components", "docs/performance/placement"),
}


def _toctree(pages: list[str], caption: str | None = None) -> str:
    head = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *head, "", *(f"/{page}" for page in pages), "```", ""])


def _navigate(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the navigation to the two pages that others hang on."""
    known = app.env.found_docs
    decisions = sorted(name for name in known if name.startswith("docs/decisions/") and not name.endswith("README"))
    if page == root_doc:
        listed = {root_doc, *decisions, *(name for pages in _SECTIONS.values() for name in pages)}
        for caption, pages in _SECTIONS.items():
            source[0] += _toctree([name for name in pages if name in known], caption)
        source[0] += _toctree(sorted(known - listed), "More")
    elif page == "docs/decisions/README":
        source[0] += _toctree(decisions)


def _lead_in(app: Sphinx, error: Exception | None) -> None:
    """Servers and people look for index.html."""
    if error is None:
        text = f'<!doctype html><title>Moorage</title><meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
        (Path(app.outdir) / "index.html").write_text(text)


def setup(app: Sphinx) -> None:
    """What Sphinx calls first."""
    app.connect("source-read", _navigate)
    app.connect("build-finished", _lead_in)
