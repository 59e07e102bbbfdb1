"""Compiled pipelines that somebody broke: they are refused with a sentence, or run; nothing else is raised."""

import contextlib
import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Attempt, Outputs, read_program, step
from pipeline_splitter.documents import parse
from tests.pipeline_executor.engine.stories import JOB
from tests.pipeline_splitter.shared_data import pipelines

_STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2.5,
    10**30,
    "",
    "{{$.inputs.parameters['x']}}",
    "x",
    [],
    [[]],
    [1],
    {},
    {"a": {}},
    "#/",
]
_FILES = {path.name: path for path in pipelines() if path.stat().st_size < 60_000}


@pytest.fixture(scope="module")
def parsed() -> dict[str, list[Any]]:
    """Compiled pipelines, ours and others'."""
    return {name: parse(path.read_bytes(), name) for name, path in _FILES.items()}


def places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - raw JSON
    """Every container in a document and each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


@settings(max_examples=200)
@given(st.sampled_from(sorted(_FILES)), st.integers(0, 2**32), st.integers(1, 3))
def test_broken_pipelines(parsed: dict[str, list[Any]], name: str, seed: int, faults: int) -> None:
    """One to three values are replaced or left out."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    documents = copy.deepcopy(parsed[name])
    for _ in range(faults):
        holder, key = chance.choice(list(places(documents)))
        if isinstance(holder, dict) and chance.random() < 0.3:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(chance.choice(_STRANGE))
    with contextlib.suppress(InputError):
        run(documents)


@settings(max_examples=100)
@given(st.sampled_from(sorted(_FILES)), st.integers(0, 2**32))
def test_outputs_of_any_kind(parsed: dict[str, list[Any]], name: str, seed: int) -> None:
    """Containers give out what they were not asked for."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    with contextlib.suppress(InputError):
        run(parsed[name], chance)


def run(documents: list[Any], chance: random.Random | None = None) -> None:
    """Read it, and step to its end; tasks give out strange values, or none."""
    program = read_program(documents, "broken")
    attempts: dict[str, tuple[Attempt, ...]] = {}
    values = {
        "STRING": "x",
        "NUMBER_INTEGER": 1,
        "NUMBER_DOUBLE": 1.0,
        "BOOLEAN": True,
        "LIST": [1],
        "STRUCT": {"a": 1},
    }
    slots = program.signature.parameters
    arguments = {name: values.get(slot.kind, "x") for name, slot in slots.items() if not slot.has_default}
    for turn in range(200):
        now = step(program, JOB, arguments, attempts, float(turn * 10_000))
        assert now.phases.keys() >= attempts.keys() or now.phase is TaskPhase.FAILED
        if now.phase.is_final or not now.launches:
            return
        for launch in now.launches:
            outputs = {each.name: values.get(each.type, "x") for each in launch.output_parameters}
            if chance is not None:
                outputs = {key: chance.choice(_STRANGE) for key in outputs if chance.random() < 0.9}
            made = Attempt(launch.attempt, TaskPhase.SUCCEEDED, Outputs(outputs), ended_seconds=0.0)
            attempts[launch.path] = (*attempts.get(launch.path, ()), made)
