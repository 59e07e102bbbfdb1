"""Other projects' compiled pipelines give the same split over two sites as unsplit: every output of every task.

Planned as the hub plans, with every second task sent elsewhere; run as spokes run groups. Where a developer has those
pipelines beside the clone. Without `MOORAGE_TEST_ALL_PIPELINES=1` a few run that have all constructs among them.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Outputs, read_program
from pipeline_splitter.documents import parse
from tests.pipeline_executor.engine.locally import LocalRun
from tests.pipeline_executor.engine.splitting import SplitRun, given_out, split
from tests.pipeline_executor.engine.test_shared_pipelines import (
    A_FEW,
    CAN_NOT_RUN,
    ENDS_FAILED,
    arguments_of,
    is_light,
)
from tests.pipeline_splitter.shared_data import each, pipelines


def plain(made: dict[str, Outputs]) -> dict[str, Any]:
    """Parameters, and the types, names and metadata of artifacts, by task."""
    return {
        path: (
            dict(outputs.parameters),
            {
                name: [(one.name, dict(one.type), dict(one.metadata)) for one in artifacts]
                for name, artifacts in outputs.artifacts.items()
            },
        )
        for path, outputs in made.items()
    }


@each(pipelines())
def test_the_same_comes_out_of_two_sites(path: Path, tmp_path: Path) -> None:
    """Values, bytes, types and metadata; and something crossed, where anything is read at all."""
    if path.name in CAN_NOT_RUN:
        pytest.skip(CAN_NOT_RUN[path.name])
    if path.name in ENDS_FAILED:
        pytest.skip("it fails, as its author meant it to")
    if path.name not in A_FEW and not os.environ.get("MOORAGE_TEST_ALL_PIPELINES"):
        pytest.skip("it takes its time: MOORAGE_TEST_ALL_PIPELINES=1 runs it, too")
    text = path.read_text()
    documents = parse(text.encode(), path.name)
    if not is_light(documents[0].get("pipelineSpec", documents[0])):
        pytest.skip("it has containers that are no components of plain Python, which a subprocess can't run")
    try:
        program = read_program(documents, path.name)
    except InputError as error:
        pytest.skip(str(error))
    arguments = arguments_of(program)
    files = split(text, path.name, arguments)
    if files is None:
        pytest.skip("it is one unit, or its tasks must stay together")
    whole = LocalRun(program, tmp_path / "whole", arguments)
    assert whole.to_the_end().phase is TaskPhase.SUCCEEDED
    parts = SplitRun(files, arguments, tmp_path / "split")
    parts.to_the_end()
    made, contents = given_out(whole)
    assert plain(parts.made) == plain(made)
    assert parts.contents == contents
