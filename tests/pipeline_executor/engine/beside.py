"""Compiles a pipeline with the kfp SDK and runs it by the engine, by kfp.local, or both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import compiler, dsl

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Step, read_program
from pipeline_splitter.documents import parse
from tests.pipeline_executor.engine.locally import LocalRun
from tests.pipeline_executor.engine.oracle import run_by_kfp


def light(function: Any) -> Any:  # noqa: ANN401 - kfp's decorator has no types
    """A component of plain Python, which a subprocess of this interpreter runs."""
    return dsl.component(base_image="python:3.11", install_kfp_package=False)(function)


def compiled(pipeline: Any, folder: Path) -> str:  # noqa: ANN401 - kfp has no types
    """A pipeline's text."""
    file = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(file))
    return file.read_text()


def run_by_engine(text: str, arguments: Mapping[str, Any], folder: Path) -> tuple[LocalRun, Step]:
    """A compiled pipeline, run by the engine to its end."""
    run = LocalRun(read_program(parse(text, "pipeline.yaml"), "pipeline.yaml"), folder, arguments)
    return run, run.to_the_end()


def outputs(run: LocalRun, last: Step) -> dict[str, Any]:
    """What the root gave out; artifacts by what is in them."""
    assert last.outputs is not None, (last.message, run.logs)
    made: dict[str, Any] = dict(last.outputs.parameters)
    for name, artifacts in last.outputs.artifacts.items():
        found = [run.content(artifact.uri) for artifact in artifacts]
        made[name] = found if name in last.outputs.lists else found[0]
    return made


def same(pipeline: Any, folder: Path, **arguments: Any) -> tuple[LocalRun, Step, dict[str, Any]]:  # noqa: ANN401
    """Run it both ways, and compare what the roots give out."""
    text = compiled(pipeline, folder)
    run, last = run_by_engine(text, arguments, folder / "engine")
    assert last.phase is TaskPhase.SUCCEEDED, (last.message, run.logs)
    made = outputs(run, last)
    assert made == run_by_kfp(text, arguments, folder / "kfp")
    return run, last, made
