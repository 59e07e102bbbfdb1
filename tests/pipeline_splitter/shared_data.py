"""Compiled pipelines and recorded workflows of other projects, read where they lie beside a developer's clone."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("MOORAGE_TEST_RECORDINGS", Path(__file__).parents[3] / "shared"))


def pipelines() -> list[Path]:
    """Compiled Kubeflow pipelines, by name; none where the folder is absent."""
    return sorted((SHARED / "pipelines").glob("*.*"))


def workflows() -> list[Path]:
    """Recorded workflows in WfFormat, gzipped, by name; none where the folder is absent."""
    return sorted((SHARED / "workflows").glob("*.json.gz"))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrises a test over the files as `path`; one skipped case with the reason where there are none."""
    if paths:
        return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)
    skipped = pytest.param(None, marks=pytest.mark.skip(reason="the shared folder with recorded files is not here"))
    return pytest.mark.parametrize("path", [skipped])
