"""Compiled pipelines and recorded workflows: small ones of our own, and other projects' where a developer has them.

`MOORAGE_TEST_RECORDINGS=FOLDER` names a folder with other projects' in `pipelines` and `workflows`; by default it is
`shared` beside the clone.
"""

import gzip
import os
from pathlib import Path

import pytest

_OWN = Path(__file__).parent / "recorded"
_OTHERS = Path(os.environ.get("MOORAGE_TEST_RECORDINGS", Path(__file__).parents[3] / "shared"))


def pipelines() -> list[Path]:
    """Compiled Kubeflow pipelines: ours, then others' by name."""
    return [*sorted((_OWN / "pipelines").glob("*.*")), *sorted((_OTHERS / "pipelines").glob("*.*"))]


def workflows() -> list[Path]:
    """Recorded workflows in WfFormat: ours, then others' by name; `content` reads them."""
    return [*sorted((_OWN / "workflows").glob("*.json")), *sorted((_OTHERS / "workflows").glob("*.json.gz"))]


def content(path: Path) -> bytes:
    """What is in a file, gzipped or not."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def recorded(name: str) -> Path:
    """One pipeline; where it is another project's and the folder is absent, the test is skipped."""
    found = next((path for path in pipelines() if path.name == name), None)
    return found or pytest.skip(f"{_OTHERS} with other projects' recorded files is not here")


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrises a test over the files as `path`."""
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)
