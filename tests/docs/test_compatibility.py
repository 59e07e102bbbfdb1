"""The page on Datashim says what the code does."""

import ast
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from moorage.errors import InputError
from moorage_cli.converting import convert
from tests.compatibility import COMPLAINTS, manifest, render

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "compatibility.md"


def test_the_page_says_what_the_code_does() -> None:
    """Written anew by `python -m tests.compatibility > docs/compatibility.md`."""
    assert PAGE.read_text() == render()


@pytest.mark.parametrize("test", [test for _, _, test in COMPLAINTS])
def test_each_complaint_has_a_test(test: str) -> None:
    """Where the page says."""
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_a_list_with_other_objects_is_converted(tmp_path: Path) -> None:
    """Datasets become ours, bookkeeping is left out, a Secret stays as it is."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "k"}}
    good = manifest({"local": {"type": "COS", "endpoint": "https://s3", "bucket": "b"}})
    written = {"apiVersion": "v1", "kind": "List", "items": [secret, good, manifest({}, "DatasetInternal")]}
    path = tmp_path / "datashim.yaml"
    path.write_text(yaml.safe_dump(written))
    done = CliRunner().invoke(convert, [str(path), "--site", "eu-1"], standalone_mode=False)
    assert done.return_value == 0, done.output
    objects = list(yaml.safe_load_all(done.stdout))
    assert objects[0] == secret
    assert (objects[1]["apiVersion"], objects[1]["spec"]["local"]["site"]) == ("moorage.dev/v1alpha1", "eu-1")
    assert len(objects) == 2
    assert "DatasetInternal default/x: Datashim's own bookkeeping: left out" in done.stderr


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (yaml.safe_dump(manifest({"local": {"type": "FTP"}})), 2, "spec.local.type"),
        (yaml.safe_dump(manifest({"local": {"type": "HOST", "path": "/x", "colour": "red"}})), 0, "spec.local.colour"),
    ],
)
def test_what_can_not_be_used_is_told(text: str, code: int, told: str) -> None:
    """By its field; it is printed all the same, to be corrected."""
    done = CliRunner().invoke(convert, ["-"], input=text, standalone_mode=False)
    assert (done.return_value, told in done.stderr) == (code, True), done.stderr
    assert yaml.safe_load(done.stdout)["kind"] == "Dataset"


def test_nothing_of_the_old_server_is_applied_to_the_new_one() -> None:
    """A second `apply` would be a conflict of versions, and nobody would remove Datashim's finalizer."""
    written = manifest({"local": {"type": "COS", "endpoint": "https://s3", "bucket": "b", "readonly": "true"}})
    written["metadata"] |= {
        "labels": {"team": "a"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "owner": "ann"},
        "creationTimestamp": "2024-01-01T00:00:00Z",
        "finalizers": ["dataset-finalizer"],
        "generation": 1,
        "managedFields": [{"manager": "kubectl"}],
        "ownerReferences": [{"kind": "DatasetInternal", "name": "x"}],
        "resourceVersion": "1234",
        "uid": "0b9a0c7e-0000-4000-8000-000000000000",
    }
    done = CliRunner().invoke(convert, ["-"], input=yaml.safe_dump(written), standalone_mode=False)
    assert done.return_value == 0, done.output
    assert yaml.safe_load(done.stdout)["metadata"] == {
        "name": "x",
        "namespace": "default",
        "labels": {"team": "a"},
        "annotations": {"owner": "ann"},
    }


@pytest.mark.parametrize("version", ["datashim.io/v1alpha1", "datashim.io/v1", "com.ie.ibm.hpsys/v1alpha1"])
def test_each_version_of_datashims_groups_is_converted(version: str) -> None:
    """A version that is not known here has the same fields; those that are new are told."""
    written = manifest({"local": {"type": "HOST", "path": "/data", "readonly": "true"}}) | {"apiVersion": version}
    done = CliRunner().invoke(convert, ["-"], input=yaml.safe_dump(written), standalone_mode=False)
    assert (done.return_value, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout)["apiVersion"] == "moorage.dev/v1alpha1"


def test_nothing_to_convert_is_told() -> None:
    """An empty pipe is what a failed kubectl leaves; an empty list is an answer."""
    with pytest.raises(InputError, match="command before it"):
        CliRunner().invoke(convert, ["-"], input="", standalone_mode=False, catch_exceptions=False)
    done = CliRunner().invoke(convert, ["-"], input="{kind: List, items: []}", standalone_mode=False)
    assert (done.return_value, done.stdout) == (0, "")
    assert "there is no Dataset in it" in done.stderr
