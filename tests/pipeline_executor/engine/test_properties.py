"""Whatever ends first, whoever is killed: the same run comes out, and each attempt starts once."""

import hashlib
import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Outputs, Program, read_program
from tests.pipeline_executor.engine.making import pipelines
from tests.pipeline_executor.engine.naive import run_naively
from tests.pipeline_executor.engine.simulating import Cluster, Fails

_SEEDS = st.integers(0, 2**32)
_SOME = settings(deadline=None, max_examples=60)


def some_fail(seed: int, share: float) -> Fails:
    """Attempts that fail by chance, but always the same ones."""

    def fails(path: str, attempt: int) -> bool:
        digest = hashlib.sha256(f"{seed}/{path}/{attempt}".encode()).digest()
        return digest[0] < share * 256

    return fails


def chance_of(seed: int) -> random.Random:
    """The same chances for the same seed."""
    return random.Random(seed)  # noqa: S311 - no secret


def program_of(document: dict[str, Any]) -> Program:
    """The document, read."""
    return read_program([json.loads(json.dumps(document))], "made")


@_SOME
@given(pipelines(), _SEEDS, st.sampled_from([0.0, 0.1, 0.4]))
def test_the_order_in_which_things_end_changes_nothing(document: dict[str, Any], seed: int, share: float) -> None:
    """Same phases, outputs and launches, killed between any two steps or never; and never a pod twice."""
    program, fails = program_of(document), some_fail(seed, share)
    orderly, wild = Cluster(program, fails), Cluster(program, fails)
    expected = orderly.in_order()
    found = wild.by_chance(chance_of(seed))
    assert found.phases == expected.phases
    assert (found.phase, found.outputs, found.ended) == (expected.phase, expected.outputs, expected.ended)
    assert found.messages == expected.messages
    assert found.message == expected.message
    assert wild.started == orderly.started
    assert not found.launches


@_SOME
@given(pipelines(), _SEEDS, st.sampled_from([0.0, 0.1, 0.4]))
def test_what_comes_out_is_what_a_naive_reading_says(document: dict[str, Any], seed: int, share: float) -> None:
    """A plain recursion over the document, which shares no code with the engine, ends with the same."""
    fails = some_fail(seed, share)
    found = Cluster(program_of(document), fails).in_order()
    phases, values = run_naively(document, fails)
    assert {path: phase.value for path, phase in found.phases.items()} == phases
    said = {path: made.parameters["Output"] for path, made in found.ended.items() if "Output" in made.parameters}
    assert said == values


@_SOME
@given(pipelines(), _SEEDS, st.integers(1, 5))
def test_interruptions_change_nothing_but_the_numbers(document: dict[str, Any], seed: int, count: int) -> None:
    """What was lost with its node is done again, and the same comes out."""
    program = program_of(document)

    def nothing_fails(_: str, __: int) -> bool:
        return False

    orderly, wild = Cluster(program, nothing_fails), Cluster(program, nothing_fails)
    expected = orderly.in_order()
    found = wild.by_chance(chance_of(seed), interruptions=count)
    assert (found.phases, found.ended, found.outputs) == (expected.phases, expected.ended, expected.outputs)
    assert len(wild.started) == len(orderly.started) + wild.interrupted


@_SOME
@given(pipelines(), _SEEDS)
def test_no_more_iterations_run_than_may(document: dict[str, Any], seed: int) -> None:
    """At no moment, whatever was killed."""
    program, chance = program_of(document), chance_of(seed)
    cluster = Cluster(program, some_fail(seed, 0.2))
    limits = {task.loop.parallelism for task in program.root.tasks if task.loop is not None and task.loop.parallelism}
    if not limits:
        return
    while not (now := cluster.step(chance)).phase.is_final:
        for launch in now.launches[: chance.randint(0, 2)]:
            cluster.start(launch)
        for task in program.root.tasks:
            if task.loop is not None and task.loop.parallelism:
                heads = {path.split("/")[0] for path, _ in cluster.started if path.startswith(f"{task.name}#")}
                active = [head for head in heads if not now.phases[head].is_final]
                assert len(active) <= task.loop.parallelism
        running = cluster.running()
        if running and chance.random() < 0.7:
            cluster.end(chance.choice(running))
        cluster.now_seconds += 1.0


@_SOME
@given(pipelines(), _SEEDS, st.integers(1, 6))
def test_a_cancelled_run_ends_and_starts_nothing_but_what_waits_for_all(
    document: dict[str, Any], seed: int, turn: int
) -> None:
    """After the moment of cancelling only what runs after failures, too, and only if what it waits for had begun."""
    program = program_of(document)
    cluster = Cluster(program, some_fail(seed, 0.1))
    chance = chance_of(seed)
    last = cluster.by_chance(chance, cancel_at=turn)
    assert last.phase.is_final
    if not cluster.cancelling:
        return
    again = cluster.step()
    assert not again.launches
    assert again.phases == last.phases
    assert all(phase.is_final for phase in last.phases.values())
    if last.phase is TaskPhase.SUCCEEDED:
        assert TaskPhase.CANCELLED not in last.phases.values()


@_SOME
@given(pipelines(), _SEEDS)
def test_the_same_input_gives_the_same_answer(document: dict[str, Any], seed: int) -> None:
    """Asked twice, and of a program read twice."""
    cluster = Cluster(program_of(document), some_fail(seed, 0.2))
    other = Cluster(program_of(document), some_fail(seed, 0.2))
    for _ in range(3):
        now = cluster.step()
        assert now == cluster.step() == other.step()
        for launch in now.launches[:2]:
            for each in (cluster, other):
                each.start(launch)
                each.end((launch.path, launch.attempt))


def test_nothing_is_launched_by_a_pipeline_without_tasks() -> None:
    """It has succeeded before it began."""
    document = {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "empty"},
        "root": {"dag": {"tasks": {}}},
        "deploymentSpec": {},
    }
    now = Cluster(program_of(document), some_fail(0, 0.0)).step()
    assert (now.phase, now.launches, now.outputs) == (TaskPhase.SUCCEEDED, (), Outputs())
