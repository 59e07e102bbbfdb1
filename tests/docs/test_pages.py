"""The pages: every link leads somewhere, every manifest means what the page says."""

import re
from pathlib import Path

import pytest
import yaml

from moorage.model import Reader
from moorage.policy import decide_reader
from moorage.wire import read_dataset, read_pod, read_site

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "charts").rglob("*.md"),
    ]
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """The anchors that its headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_long(page: Path) -> None:
    """At most 120 columns, but for tables, and for what programs print."""
    lines = _FENCE.sub("", page.read_text()).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead nowhere: to no file of the project, or to no heading of the page that they name."""
    broken = []
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        # A folder is no page of the site.
        if not found.is_file() or (anchor and anchor not in anchors_of(found)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the project, and to a heading in it where the link names one."""
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """To a file, heading or folder; in this page and in another; links over two lines, too."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.md").write_text("# One\n## `two` and *three*\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](#here) [b](other.md#two-and-three) [c](other.md)\n```\n[d](none.md)\n```\n"
        "[e](none.md) [f](#there) [g over\ntwo lines](other.md#four) [h](folder/)\n"
    )
    assert broken_links(page) == ["none.md", "#there", "other.md#four", "folder/"]


def test_the_first_manifests_of_the_readme_fit_together() -> None:
    """The Dataset and the pod that a visitor sees first: the one may read the other."""
    block = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)[0]
    raw_dataset, raw_pod = yaml.safe_load_all(block)
    dataset, pod = read_dataset(raw_dataset), read_pod(raw_pod)
    assert [use.ref for use in pod.usage.reading] == [dataset.ref]
    reader = Reader(pod.namespace, pod.service_account, pod.usage.stated_purpose)
    assert decide_reader(dataset.ref, dataset, reader).allowed


def test_the_first_dataset_page_leads_to_a_pod_that_may_read() -> None:
    """Its manifests, pasted in order."""
    pasted = re.findall(r"<<'EOF'\n(.*?)^EOF$", (ROOT / "docs/first-dataset.md").read_text(), re.DOTALL | re.MULTILINE)
    raw_site, raw_dataset, raw_pod = (yaml.safe_load(each) for each in pasted)
    site, dataset, pod = read_site(raw_site), read_dataset(raw_dataset), read_pod(raw_pod)
    assert [source.site for source in dataset.sources] == [site.name]
    assert [use.ref for use in pod.usage.reading] == [dataset.ref]
    assert decide_reader(dataset.ref, dataset, Reader(pod.namespace)).allowed
