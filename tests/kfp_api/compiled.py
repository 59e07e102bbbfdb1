"""A small pipeline, compiled by the SDK: two tasks in a row, an input with a default, pod labels."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler, dsl, kubernetes


@dsl.component(base_image="python:3.11")
def count(start: int) -> int:
    """Adds one."""
    return start + 1


@dsl.pipeline(name="counting", description="Counts.\nmoorage.dev/objective: carbon")
def counting(start: int = 3, note: str = "none") -> None:  # noqa: ARG001 - an input that nobody reads
    """Two tasks in a row; the second one's pod has a label, so there is a platform document."""
    first = count(start=start)
    second = count(start=first.output)
    kubernetes.add_pod_label(second, "dataset.0.id", "claims")


@functools.cache
def text() -> str:
    """The compiled file: two documents."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counting.yaml"
        compiler.Compiler().compile(counting, str(path))
        return path.read_text()


def documents() -> list[Any]:
    """Its documents."""
    return list(yaml.safe_load_all(text()))


def spec() -> dict[str, Any]:
    """What the SDK sends of it with a run."""
    first, platform = documents()
    return {"pipeline_spec": first, "platform_spec": platform}
