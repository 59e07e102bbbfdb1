"""What a run's objects hold reads back as it was written, and what was altered is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.runs import FileEntry, Manifest, TaskEnd, TaskOutputs, TaskPhase, Value, manifest_digest

FILES = (FileEntry("b/2", 5, "f" * 64), FileEntry("a", 3, "0" * 64))
MANIFEST = Manifest("join.training", {"schemaTitle": "system.Dataset"}, {"rows": 3}, "s3://b/k", FILES, "eu-1-1", 2)
END = TaskEnd(TaskPhase.FAILED, 137, "OOMKilled", "2026-01-01T00:00:00Z", "", "eu-1", "n1", "p", 8, 0)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_a_manifest_reads_back() -> None:
    """With its total and its digest."""
    content = json.loads(MANIFEST.write())
    assert content["bytes"] == 8
    assert content["sha256"] == manifest_digest(FILES)
    assert Manifest.read(MANIFEST.write(), "manifest") == MANIFEST


def test_one_file_has_its_own_digest() -> None:
    """An artifact that is one object is compared with that object's SHA-256."""
    assert manifest_digest([FileEntry("", 3, "a" * 64)]) == "a" * 64


@given(st.permutations(FILES))
def test_order_does_not_matter_to_the_digest(files: list[FileEntry]) -> None:
    """Stores list in orders of their own."""
    assert manifest_digest(files) == manifest_digest(FILES)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sha256", "0" * 64),
        ("files", [{"path": "a", "bytes": 4, "sha256": "0" * 64}]),
        ("files", [{"path": "../../other", "bytes": 4, "sha256": "0" * 64}]),
        ("files", [{"path": "/etc/passwd", "bytes": 4, "sha256": "0" * 64}]),
        ("uri", ""),
    ],
)
def test_an_altered_manifest_is_refused(key: str, value: object) -> None:
    """A digest that is not that of the files, or a path that leads elsewhere."""
    altered = json.dumps(json.loads(MANIFEST.write()) | {key: value}).encode()
    with pytest.raises(InputError, match="manifest: "):
        Manifest.read(altered, "manifest")


@given(json_values)
def test_a_value_reads_back(value: object) -> None:
    """Any JSON may cross."""
    assert Value.read(Value(value, "eu-1-1", 1).write(), "value") == Value(value, "eu-1-1", 1)


def test_an_end_reads_back() -> None:
    """With and without an exit code."""
    assert TaskEnd.read(END.write(), "ended") == END


def test_outputs_read_back() -> None:
    """Parameters, artifacts and which of them are lists."""
    outputs = TaskOutputs({"n": 3}, {"models": (MANIFEST, MANIFEST)}, frozenset({"models"}))
    assert TaskOutputs.read(outputs.write(), "outputs") == outputs


@pytest.mark.parametrize(("phase", "final"), [("Pending", False), ("Running", False), ("Skipped", True)])
def test_final_phases(phase: str, final: bool) -> None:  # noqa: FBT001 - a table
    """What may still change and what may not."""
    assert TaskPhase(phase).is_final is final
