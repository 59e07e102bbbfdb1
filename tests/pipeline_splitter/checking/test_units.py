"""The checker's own times of units: as the reader's; a reader that adds up what runs side by side is found out."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from pipeline_splitter.checking.definition.units import with_own_times
from pipeline_splitter.documents import parse
from pipeline_splitter.hints import Defaults, Hints, TaskHint
from pipeline_splitter.kfp import read_pipeline, walking
from pipeline_splitter.kfp.work import Work, together
from tests.pipeline_splitter.checking.plans import compiled, make
from tests.pipeline_splitter.kfp.ir import dag, group, leaf, read, spec, task
from tests.pipeline_splitter.kfp.test_unit_times import CLAUSES, LEAVES, over
from tests.pipeline_splitter.shared_data import each, pipelines


@pytest.mark.parametrize("name", CLAUSES)
def test_each_clause(name: str) -> None:
    """Twice, by code that shares nothing but what reads one container."""
    case = CLAUSES[name]
    document = spec(dag({"it": group("body", **case.more)}), {**LEAVES, **case.components, "body": case.body})
    hints = Hints(
        tasks={"it": TaskHint(cpu=2, iterations=7), "it/a": TaskHint(seconds=7)}
        if "dag" in case.body and "a" in case.body["dag"]["tasks"]
        else {"it": TaskHint(cpu=2)},
        defaults=Defaults(task_seconds=11),
    )
    graph, pipeline = read(document, hints=hints)
    assert with_own_times(graph, pipeline, hints) == graph


@each(pipelines())
@pytest.mark.parametrize("said", [{}, {"seconds": 7.0}, {"iterations": 5}], ids=str)
def test_recorded_pipelines(path: Path, said: Mapping[str, float]) -> None:
    """All of them, with hints on every unit, too."""
    documents = parse(path.read_text(), path.name)
    graph, _ = read_pipeline(documents, Hints(), {}, path.name)
    hints = Hints(tasks={name: TaskHint(**said) for name, found in graph.tasks.items() if found.is_unit and said})  # type: ignore[arg-type]
    graph, pipeline = read_pipeline(documents, hints, {}, path.name)
    own = with_own_times(graph, pipeline, hints)
    for name, found in graph.tasks.items():
        assert own.tasks[name].seconds == pytest.approx(found.seconds), name
        assert own.tasks[name].cpu_seconds == pytest.approx(found.cpu_seconds), name


def test_a_plan_that_adds_up_what_runs_side_by_side_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner's reader is not believed."""

    def added_up(parts: Mapping[str, Work], upstream: Mapping[str, Iterable[str]]) -> Work:
        chain = {name: tuple(parts)[:index] for index, name in enumerate(parts)}
        return together(parts, chain if upstream else {})

    two = dag({"a": task("make"), "b": task("make")}, parameters=["item"])
    request = compiled(spec(dag({"it": group("body", **over(3))}), {"make": leaf("exec-make"), "body": two}))
    assert make(request).findings() == ()
    monkeypatch.setattr(walking, "together", added_up)
    assert "tasks[it].end" in {finding.where for finding in make(request).findings()}
