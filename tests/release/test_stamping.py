"""What a release writes into the tree: addresses that exist, and nothing where there are none."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from release.chart_values import rows, with_table
from release.stamping import changes_of, chart_with_urls, page_with_urls, project_with_urls

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/moorage"
URL = "https://git.example.com/team/moorage"


def test_the_tree_names_no_address_of_its_own() -> None:
    """Nobody is sent where nothing is: a release is told where it is published."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert "urls" not in project
    assert not {"home", "sources"} & chart.keys()


def test_the_project_gets_its_addresses() -> None:
    """Still a file that packaging reads, and only once."""
    text = project_with_urls((ROOT / "pyproject.toml").read_text(), URL)
    project = tomllib.loads(text)["project"]
    assert project["urls"]["Source"] == URL
    assert set(project["urls"]) >= {"Homepage", "Documentation", "Changelog", "Issues"}
    assert all(address.startswith(URL) for address in project["urls"].values())
    assert project["scripts"]["kubectl-dataset"]
    with pytest.raises(ValueError, match=r"project\.urls"):
        project_with_urls(text, URL)


def test_the_chart_gets_what_artifact_hub_reads() -> None:
    """Links, changes by kind, and one example of each kind that people write."""
    changes = changes_of(
        "# Changelog\n\n## 1.2.0 - 2027-01-01\n\n### Added\n\n- One\n  thing.\n\n### Fixed\n\n- Two.\n\n"
        "## 1.1.0\n- Old.\n",
        "1.2.0",
    )
    examples = (ROOT / "examples/dataset.yaml").read_text()
    chart = yaml.safe_load(chart_with_urls((CHART / "Chart.yaml").read_text(), URL, changes, examples))
    assert (chart["home"], chart["sources"]) == (URL, [URL])
    notes = {name: yaml.safe_load(text) for name, text in chart["annotations"].items()}
    assert notes["artifacthub.io/changes"] == [
        {"kind": "added", "description": "One thing."},
        {"kind": "fixed", "description": "Two."},
    ]
    assert {link["name"] for link in notes["artifacthub.io/links"]} == {"documentation", "support"}
    assert {document["kind"] for document in notes["artifacthub.io/crdsExamples"]} == {"Dataset"}


def test_links_of_a_packaged_page_lead_to_the_repository() -> None:
    """A package carries no other page; what leads elsewhere or within the page stays."""
    page = "[a](../../docs/install.md#images) ![b](c.png) [d](#here) [e](https://else.example.com/x.md)"
    assert page_with_urls(page, URL, "charts/moorage/") == (
        f"[a]({URL}/blob/main/docs/install.md#images) ![b]({URL}/blob/main/charts/moorage/c.png) [d](#here) "
        "[e](https://else.example.com/x.md)"
    )


def test_a_version_without_a_section_has_no_changes() -> None:
    """As before the first release."""
    assert changes_of("# Changelog\n\n## Unreleased\n\n- Something.\n", "0.1.0") == ""


def test_artifact_hub_is_told_every_kind() -> None:
    """Those of the definitions, with their names and versions."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    told = yaml.safe_load(chart["annotations"]["artifacthub.io/crds"])
    found = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    defined = {
        (each["metadata"]["name"], each["spec"]["names"]["kind"], each["spec"]["versions"][0]["name"]) for each in found
    }
    assert {(each["name"], each["kind"], each["version"]) for each in told} == defined
    assert all(each["description"] for each in told)


def test_the_readme_has_todays_values() -> None:
    """Written by `python -m release.chart_values`."""
    readme, values = (CHART / "README.md").read_text(), (CHART / "values.yaml").read_text()
    assert with_table(readme, values) == readme, "run: python -m release.chart_values"


def test_the_table_has_every_value() -> None:
    """Each leaf of the file as helm reads it, with its default."""

    def leaves(value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict) or not value:
            return {path: value}
        return {name: leaf for key, each in value.items() for name, leaf in leaves(each, f"{path}.{key}").items()}

    text = (CHART / "values.yaml").read_text()
    given = {f".{path}": yaml.safe_load(default) for path, default, _ in rows(text) if default}
    flat = {name: leaf for path, value in given.items() for name, leaf in leaves(value, path).items()}
    assert flat == leaves(yaml.safe_load(text), "")


def test_a_value_over_several_lines_is_told() -> None:
    """It would be missing in the table."""
    with pytest.raises(ValueError, match="one line"):
        list(rows("# A file.\n\na:\n  - b\n"))


def test_the_list_of_the_plugin_is_part_of_the_command_lines() -> None:
    """The plugin's archives hold what the wheel asks for, in the same versions, and no more than it needs."""

    def lines(name: str) -> set[str]:
        text = (ROOT / f"requirements/{name}.in").read_text()
        return {line for line in text.splitlines() if re.match(r"\w", line)}

    assert lines("kubectl-plugin") <= lines("core") | lines("command-line")
