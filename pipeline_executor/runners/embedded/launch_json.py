"""A launch as the store keeps it (`R/tasks/<task>/<attempt>/launch`), so that a spoke that restarts knows its pods."""

import dataclasses
import json
from typing import Any

from moorage.errors import InputError
from moorage.reading.documents import Bounds, read_object
from pipeline_executor.engine import (
    Artifact,
    ArtifactInput,
    ArtifactOutput,
    Launch,
    LaunchKind,
    ParameterOutput,
    Resources,
)

BOUNDS = Bounds(most_bytes=8 << 20, most_depth=96)


def write_launch(launch: Launch) -> bytes:
    """Write the object's content; the same launch gives the same bytes."""
    return json.dumps(
        dataclasses.asdict(launch), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=dict
    ).encode()


def read_launch(content: bytes, subject: str) -> Launch:
    """Read a launch from its object.

    Raises:
        InputError: it is none.
    """
    raw = dict(read_object(content, subject, BOUNDS).raw)
    try:
        return Launch(
            **{
                **raw,
                "kind": LaunchKind(raw["kind"]),
                "command": tuple(raw["command"]),
                "args": tuple(raw["args"]),
                "inputs": tuple(_input(each) for each in raw["inputs"]),
                "output_artifacts": tuple(ArtifactOutput(**each) for each in raw["output_artifacts"]),
                "output_parameters": tuple(ParameterOutput(**each) for each in raw["output_parameters"]),
                "resources": Resources(**raw["resources"]),
            }
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(subject, "launch", "can't be read: it was altered") from None


def _input(raw: dict[str, Any]) -> ArtifactInput:
    return ArtifactInput(raw["name"], raw["index"], Artifact(**raw["artifact"]), raw["local_path"])
