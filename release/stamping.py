"""The stamps of a release in pyproject.toml and Chart.yaml: the project's address, and the changes."""

import posixpath
import re
from collections.abc import Iterator

import yaml

# Artifact Hub's words for the headings of Keep a Changelog.
_KINDS = {
    "Added": "added",
    "Changed": "changed",
    "Deprecated": "deprecated",
    "Removed": "removed",
    "Fixed": "fixed",
    "Security": "security",
}


def project_with_urls(pyproject: str, url: str) -> str:
    """Return pyproject.toml with the project's addresses.

    Raises:
        ValueError: it has addresses already.
    """
    if "[project.urls]" in pyproject:
        raise ValueError("pyproject.toml has [project.urls] already: the addresses come from --url")
    urls = {
        "Homepage": url,
        "Source": url,
        "Documentation": f"{url}/blob/main/README.md",
        "Changelog": f"{url}/blob/main/CHANGELOG.md",
        "Issues": f"{url}/issues",
    }
    lines = [f'{name} = "{address}"' for name, address in urls.items()]
    return pyproject.replace("[project.scripts]", "\n".join(["[project.urls]", *lines, "", "[project.scripts]"]), 1)


def chart_with_urls(chart: str, url: str, changes: str, examples: str) -> str:
    """Chart.yaml with home, sources and Artifact Hub's links, changes and examples of our kinds (YAML documents)."""
    found = yaml.safe_load(chart)
    found |= {"home": url, "sources": [url]}
    links = [
        {"name": "documentation", "url": f"{url}/blob/main/README.md"},
        {"name": "support", "url": f"{url}/issues"},
    ]
    found["annotations"] |= {"artifacthub.io/links": yaml.safe_dump(links, sort_keys=False)}
    documents = [document for document in yaml.safe_load_all(examples) if document]
    shown = [document for document in documents if document["apiVersion"].startswith("moorage.dev/")]
    found["annotations"] |= {"artifacthub.io/crdsExamples": yaml.safe_dump(shown, sort_keys=False)}
    if changes:
        found["annotations"] |= {"artifacthub.io/changes": changes}
    return yaml.safe_dump(found, sort_keys=False, width=120)


def page_with_urls(page: str, url: str, folder: str = "") -> str:
    """Return a page whose relative links lead to the repository: packages carry the page alone.

    Args:
        page: Markdown.
        url: where the project is published.
        folder: where the page lies in it, with a slash at its end.
    """

    def absolute(link: re.Match[str]) -> str:
        return f"]({url}/blob/main/{posixpath.normpath(folder + link[1])}{link[2] or ''})"

    return re.sub(r"\]\((?!https?://|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)", absolute, page)


def changes_of(changelog: str, version: str) -> str:
    """Return a version's changes in Artifact Hub's form; empty where the changelog has no such section."""
    section = re.search(rf"^## \[?{re.escape(version)}\]?.*?$(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    found = list(_entries(section[1])) if section else []
    return yaml.safe_dump(found, sort_keys=False, width=1000) if found else ""


def _entries(section: str) -> Iterator[dict[str, str]]:
    kind = "changed"
    for heading, item in re.findall(r"^### (\w+)$|^- (.*(?:\n  .*)*)", section, re.MULTILINE):
        if heading:
            kind = _KINDS.get(heading, "changed")
        else:
            yield {"kind": kind, "description": " ".join(item.split())}
