"""Datasets: what there is, and one of them with its copies, its rules and its readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moorage.model import Dataset, Governance
from moorage.policy import Decision
from moorage_ui.markup import Content, Markup, address, element
from moorage_ui.pages.page import crumbs
from moorage_ui.pages.words import ABSENT, bytes_text, count, head, note, site_label, table
from moorage_ui.views.dataset_rows import DatasetRow
from moorage_ui.views.run import Condition

_LIST = (("Dataset", ""), ("State", ""), ("Sites", ""), ("Objects", "number"), ("Size", "number"), ("Format", ""))
_SOURCES = (("Site", ""), ("Kind", ""), ("Where", "why"), ("State", ""), ("Objects", "number"), ("Size", "number"))
_SITES = (("Site", ""), ("May hold and read it", ""), ("", "full why"))
_SCHEMA = (("Column", ""), ("Type", ""), ("May be empty", ""))
_MOST_SHOWN = 500
_MOST_NAMED = 100


def datasets_content(
    rows: Sequence[DatasetRow], namespace: str, namespaces: Sequence[str], words: str, problem: str
) -> list[Content]:
    """Render the list of Datasets."""
    wanted = words.lower()
    found = [row for row in rows if wanted in f"{row.namespace}/{row.name} {row.format}".lower()]
    size = sum(row.size_bytes or 0 for row in found)
    not_ready = sum(row.ready == "False" for row in found)
    where = f" in {namespace}" if namespace else ""
    title = f"{count(len(found), 'dataset')}{where}" if found else f"No datasets{where}"
    if size:
        title += f"; {bytes_text(size)} in all"
    if not_ready:
        title += f"; {not_ready} not ready"
    place: Content
    if namespaces:
        place = element(
            "select",
            element("option", "All namespaces", value="", selected=not namespace),
            *(element("option", each, value=each, selected=each == namespace) for each in namespaces),
            name="namespace",
            aria_label="Namespace",
        )
    else:
        place = element("input", name="namespace", value=namespace, placeholder="Namespace", aria_label="Namespace")
    find = element("input", type="search", name="words", value=words, placeholder="Find by name", aria_label="Name")
    body: Content = (
        note(problem) if problem else element("p", "There is none here that you may see.", class_="card empty")
    )
    if found:
        body = element("div", table(_LIST, [_row(row) for row in found[:_MOST_SHOWN]]), class_="card list")
    return [
        element(
            "section",
            element("p", "Datasets", class_="eyebrow"),
            element("h1", "Nothing to see" if problem else title),
            class_="top",
        ),
        element(
            "form", place, find, element("button", "Show", type="submit"), class_="tools filters", method="get",
            action="/datasets", role="search",
        ),
        body,
        note(f"These are {_MOST_SHOWN} of {len(found):,}.") if len(found) > _MOST_SHOWN else None,
    ]  # fmt: skip


def _row(row: DatasetRow) -> list[Content]:
    link = element("a", row.name, href=address("datasets", row.namespace, row.name), class_="name")
    sites = [each for each in row.sites.replace(",", " ").split() if each]
    return [
        [link, element("small", row.namespace, class_="quiet")],
        _state(row.ready, row.reason),
        ", ".join(sites) or ABSENT,
        f"{row.objects:,}" if row.objects else ABSENT,
        bytes_text(row.size_bytes),
        row.format or ABSENT,
    ]


def _state(ready: str, reason: str) -> Markup:
    tone = {"True": "good", "False": "bad"}.get(ready, "waits")
    sign = element("i", class_="sign", aria_hidden="true")
    return element("span", sign, reason or ready or "Not looked at yet", class_=f"phase {tone}")


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """The contents of one Dataset's page.

    Attributes:
        decisions: by site, whether its rules let the data be there; empty where Sites may not be seen.
        numbers: the colour of each site.
    """

    dataset: Dataset
    conditions: tuple[Condition, ...]
    decisions: Mapping[str, Decision]
    numbers: Mapping[str, int]


def dataset_content(page: DatasetPage) -> list[Content]:
    """Render one Dataset's page."""
    dataset, status = page.dataset, page.dataset.status
    ready = next((each for each in page.conditions if each.type == "Ready"), None)
    figures = (
        (
            "State",
            _state(ready.status, ready.reason) if ready is not None else _state("", ""),
            "as the operator found it",
        ),
        (
            "Size",
            bytes_text(status.size_bytes),
            f"{status.objects or 0:,} objects" if status.objects else "not counted",
        ),
        ("Copies", str(len(dataset.sources)), ", ".join(source.site or "the only site" for source in dataset.sources)),
        ("Read now by", count(status.in_use_count, "pod"), "which were given the data"),
    )
    return [
        element(
            "section",
            crumbs(
                ("Datasets", "/datasets"),
                (dataset.ref.namespace, address("datasets", namespace=dataset.ref.namespace)),
                (dataset.ref.name, ""),
            ),
            element("h1", _headline(dataset)),
            element("p", ready.message, class_="proven") if ready is not None and ready.status == "False" else None,
            element(
                "dl",
                *(
                    element(
                        "div",
                        element("dt", title),
                        element("dd", value),
                        element("dd", small, class_="small"),
                        class_="figure",
                    )
                    for title, value, small in figures
                ),
                class_="figures",
            ),
            class_="top",
        ),
        element("section", head("Rules"), element("div", rule_badges(dataset.governance), class_="card empty")),
        *_sites(page),
        *_sources(page),
        *_readers(page),
        *_schema(page),
    ]


def _headline(dataset: Dataset) -> str:
    kind = f"{dataset.status.format} " if dataset.status.format and dataset.status.format != "unknown" else ""
    size = f", {bytes_text(dataset.status.size_bytes)}" if dataset.status.size_bytes is not None else ""
    return f"{dataset.ref.name}: {kind}data at {count(len(dataset.sources), 'site')}{size}"


def rule_badges(rules: Governance) -> Markup:
    """Return its rules, each a few words."""

    def words(values: frozenset[str], nobody: str) -> str:
        return ", ".join(sorted(values)) or nobody

    said = [
        rules.classification.word,
        None if rules.residency is None else f"stays in {words(rules.residency, 'no place at all')}",
        None if rules.sites_allow is None else f"only at {words(rules.sites_allow, 'no site')}",
        f"not at {words(rules.sites_deny, '')}" if rules.sites_deny else None,
        None if rules.purposes is None else f"for {words(rules.purposes, 'no purpose')}",
        "read in its own namespace" if rules.consumers is None else f"read by {words(rules.consumers, 'nobody')}",
        "confidential compute" if rules.confidential_compute else None,
        *(f"released as {release.name}" for release in rules.releases),
    ]
    return element("div", *(element("span", each, class_="badge") for each in said if each), class_="rules")


def _sites(page: DatasetPage) -> list[Content]:
    if not page.decisions:
        return []
    rows: list[list[Content]] = [
        [
            site_label(name, page.numbers.get(name)),
            element("span", "allowed", class_="badge good")
            if decision.allowed
            else element("span", str(decision.rule or "refused"), class_="badge bad"),
            "" if decision.allowed else decision.message,
        ]
        for name, decision in sorted(page.decisions.items())
    ]
    return [element("section", head("Where it may be"), element("div", table(_SITES, rows), class_="card list"))]


def _sources(page: DatasetPage) -> list[Content]:
    seen = {status.site: status for status in page.dataset.status.sources}
    rows: list[list[Content]] = []
    for source in page.dataset.sources:
        found = seen.get(source.site)
        rows.append(
            [
                site_label(source.site, page.numbers.get(source.site)) if source.site else "the only site",
                source.as_written.kind,
                source.as_written.words,
                _state("True" if found.reachable else "False", found.reason) if found is not None else _state("", ""),
                f"{found.objects:,}" if found is not None and found.objects is not None else ABSENT,
                bytes_text(None if found is None else found.size_bytes),
            ]
        )
    return [element("section", head("Copies"), element("div", table(_SOURCES, rows), class_="card list"))]


def _readers(page: DatasetPage) -> list[Content]:
    status = page.dataset.status
    named = [element("li", name) for name in status.in_use_by[:_MOST_NAMED]]
    more = status.in_use_count - len(named)
    if more > 0 and named:
        named.append(element("li", f"and {more:,} more", class_="quiet"))
    body = (
        element("ul", *named, class_="card notes")
        if named
        else element("p", "No pod has it mounted now.", class_="card empty")
    )
    return [element("section", head("Who reads it now"), body)]


def _schema(page: DatasetPage) -> list[Content]:
    columns = page.dataset.status.columns
    if not columns:
        return []
    rows: list[list[Content]] = [
        [element("span", each.name, class_="name"), each.type, "yes" if each.nullable else "no"]
        for each in columns[:_MOST_SHOWN]
    ]
    return [
        element(
            "section",
            head("Columns", element("p", count(len(columns), "column"), class_="quiet")),
            element("div", table(_SCHEMA, rows), class_="card list"),
        )
    ]
