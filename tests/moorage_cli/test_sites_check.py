"""`moorage sites check`: what a person types, reads and gets back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_cli.main import moorage
from moorage_cli.running import run

Told = tuple[int, str, str]
Command = Callable[..., Told]

SITES = """
apiVersion: moorage.dev/v1alpha1
kind: Site
metadata: {name: eu-1}
spec:
  jurisdiction: DE
  clearance: confidential
  cpuHourPrice: "0.049"
  slots: 64
  quotaCpuHours: "500"
  resources: {cpu: "64", memory: 256Gi}
  links: [{to: us-1, bytesPerSecond: 250M, latencySeconds: "0.09"}]
  defaultLink: {pricePerGB: "0.05"}
---
apiVersion: moorage.dev/v1alpha1
kind: Site
metadata: {name: us-1}
spec:
  jurisdiction: US-CA
  links: [{to: eu-1, bytesPerSecond: 250M, latencySeconds: "0.09", pricePerGB: "0.05"}]
"""
DATASET = """
apiVersion: moorage.dev/v1alpha1
kind: Dataset
metadata: {namespace: steward, name: claims}
spec:
  sources:
  - {site: eu-1, s3: {endpoint: "https://s3", bucket: claims}}
  governance: {residency: [EU], sites: {allow: [eu-1]}}
status: {bytes: 3221225472}
"""


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`moorage sites check` of texts: exit code, stdout and stderr."""

    def command(sites: str, datasets: str | None = None) -> Told:
        (tmp_path / "sites.yaml").write_text(sites)
        words = ["sites", "check", str(tmp_path / "sites.yaml")]
        if datasets is not None:
            (tmp_path / "datasets.yaml").write_text(datasets)
            words += ["--datasets", str(tmp_path / "datasets.yaml")]
        code = run(moorage, "moorage", words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def test_what_a_plan_would_reckon_with(check: Command) -> None:
    """Every default is filled in, and it says which."""
    code, out, err = check(SITES, DATASET)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["eu-1", "DE", "confidential", "no", "1", "0.049", "0", "12", "64", "500", "h"] in [
        line[:11] for line in lines
    ]
    assert out.splitlines()[1].endswith("cpu 64, memory 256 GiB")
    assert "anything fits" in out
    assert ["eu-1", "us-1", "250", "MB/s", "0.09", "s", "0.05", "links,", "defaultLink"] in lines
    assert ["us-1", "eu-1", "250", "MB/s", "0.09", "s", "0.05", "links"] in lines
    assert ["steward/claims", "eu-1", "3.22", "GB"] in lines
    assert "problem" not in out
    assert "note" not in out


PROBLEMS = {
    "an unknown country": (SITES.replace("US-CA", "Texas"), DATASET, "the jurisdiction Texas"),
    "a union": (SITES.replace("US-CA", "EU"), DATASET, "is a union"),
    "a link to nowhere": (SITES.replace("to: us-1", "to: us-2"), DATASET, "a link to us-2"),
    "a source elsewhere": (SITES, DATASET.replace("site: eu-1", "site: ap-1"), "a source at ap-1"),
    "no usable copy": (SITES, DATASET.replace("site: eu-1", "site: ap-1"), "no usable copy"),
    "an unknown residency": (SITES, DATASET.replace("[EU]", "[Europe]"), "names Europe as residency"),
    "a rule for nobody": (SITES, DATASET.replace("allow: [eu-1]", "deny: [x]"), "names x in sites.deny"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_can_not_be_meant(name: str, check: Command) -> None:
    """Exit code 1, and a sentence with the remedy."""
    sites, datasets, words = PROBLEMS[name]
    code, out, _ = check(sites, datasets)
    assert code == 1
    assert any(line.startswith("problem: ") and words in line for line in out.splitlines())


NOTES = {
    "no jurisdiction": (SITES.replace("  jurisdiction: DE\n", ""), "site eu-1 has no jurisdiction"),
    "one way": (SITES.partition("  links: [{to: eu-1")[0], "describes its link to us-1, which says nothing"),
    "another way back": (SITES.replace('"0.09", pricePerGB', '"0.01", pricePerGB'), "differ by direction"),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_is_often_forgotten(name: str, check: Command) -> None:
    """Told, but no problem."""
    sites, words = NOTES[name]
    code, out, _ = check(sites)
    assert code == 0
    assert any(line.startswith("note: ") and words in line for line in out.splitlines())


@pytest.mark.parametrize(
    "sites",
    ["a: [", "kind: Pod", SITES.replace("slots: 64", "slots: many"), SITES.replace("slots: 64", "slots: 0"), ""],
)
def test_what_can_not_be_read(sites: str, check: Command) -> None:
    """Exit code 2, and the file and the place on stderr."""
    code, out, err = check(sites)
    assert (code, out) == (2, "")
    assert "sites.yaml" in err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 2."""
    assert run(moorage, "moorage", ["sites", "check", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_prices_have_their_currency(check: Command) -> None:
    """One for all: a site that names another is an error."""
    euros = SITES.replace('  cpuHourPrice: "0.049"\n', '  cpuHourPrice: "0.049"\n  currency: EUR\n')
    code, out, _ = check(euros)
    assert code == 0
    assert "0.049 EUR" in out
    assert "0.05 EUR" in out
    code, _, err = check(euros.replace("  jurisdiction: US-CA\n", "  jurisdiction: US-CA\n  currency: USD\n"))
    assert code == 2
    assert "Site us-1: spec.currency: is USD, and Site eu-1 says EUR" in err
