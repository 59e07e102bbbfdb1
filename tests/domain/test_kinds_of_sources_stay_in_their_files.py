"""Adding a kind of source touches its file and the table; nothing else in the tree names a kind."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.sources import KINDS

ROOT = Path(__file__).parents[2]
ROOMS = (
    "moorage", "moorage_cli", "broker", "dataset_operator", "webhook", "node_plugin", "scheduler_plugin",
    "pipeline_splitter",
)  # fmt: skip
# Where a kind is at home: its record, who proves where it leads, who lists it, who mounts it, who copies it.
HOMES = (
    "moorage/sources/",
    "moorage/calling/",
    "moorage/proving/",
    "dataset_operator/listing/",
    "node_plugin/mounting/",
    "node_plugin/sidecar/remotes/",
    "node_plugin/filler/",
    # A Site's artifact store is a bucket, whatever kinds of sources there are.
    "moorage/stores/",
    "moorage/client/storing.py",
)
# Words that are kinds, and something else where they stand.
OTHER_MEANINGS = {
    "http": {"moorage/reading/fields.py"},
    # The protocol that it speaks, whatever the kind of what it serves.
    "s3": {"node_plugin/gateway/__main__.py"},
    # A use of a dataset, what containers and tasks ask for, a folder.
    "memory": {
        "moorage/headroom.py",
        "moorage/model/pod.py",
        "moorage_cli/caches/jobs.py",
        "moorage_cli/sites_check.py",
        "node_plugin/settings.py",
        "pipeline_splitter/flow/permitting.py",
        "pipeline_splitter/kfp/executors.py",
        "webhook/gateway.py",
        "webhook/pod_checks.py",
        "webhook/sidecar.py",
    },
}
CLASSES = {each.__name__ for each in KINDS.values()}
MODULES = {each.__module__ for each in KINDS.values()}


def test_the_rooms_are_those_of_the_tree() -> None:
    """So that no folder is left out without anybody's noticing."""
    assert all((ROOT / room).is_dir() for room in ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_no_kind_is_named_outside_its_home(room: str) -> None:
    """Neither its word, nor its class, nor its module: `moorage.sources` says what can be done with a location."""
    found = []
    for path in sorted((ROOT / room).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(HOMES):
            found += [f"{name}:{line}: {what}" for line, what in named(path.read_text(), name)]
    assert found == []


def named(source: str, file: str) -> Iterator[tuple[int, str]]:
    """The kinds that a file names."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if text in KINDS and file not in OTHER_MEANINGS.get(text, set()):
                yield node.lineno, repr(text)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in CLASSES:
                yield node.lineno, name
            case ast.ImportFrom(module=str(module)) if module in MODULES:
                yield node.lineno, module
            case ast.alias(name=name) if name in MODULES:
                yield node.lineno, name


@pytest.mark.parametrize(
    "source",
    [
        'kind == "s3"',
        "isinstance(location, NfsSource)",
        "from moorage.sources.s3 import S3Source",
        "import moorage.sources.hive",
        "model.PvcSource",
    ],
)
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    """A word, a class, a module."""
    assert list(named(source, "broker/app.py"))
