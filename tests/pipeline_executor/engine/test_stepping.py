"""What may start, step by step: order, failures, cancelling, loops, limits; in stories of a few tasks."""

import sys
from typing import Any

import pytest

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Attempt, Outputs
from pipeline_executor.engine.limits import MOST_LAUNCHES, MOST_TASKS
from pipeline_executor.engine.program import Retry
from pipeline_executor.engine.retrying import delay_seconds
from tests.pipeline_executor.engine.stories import (
    CANCELLED,
    FAILED,
    RUNNING,
    WORK,
    Raw,
    container,
    document,
    ended,
    now,
    program,
    starting,
    task,
)

PENDING, SKIPPED = TaskPhase.PENDING, TaskPhase.SKIPPED
SUCCEEDED = ended(Output=1)
EXIT = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}


def loop(items: str, parallelism: int = 0, component: str = "comp-work", **fields: Any) -> Raw:  # noqa: ANN401
    """A task that goes over items."""
    iterator = {"itemInput": "item", "items": {"raw": items}}
    return task(
        component, parameterIterator=iterator, iteratorPolicy={"parallelismLimit": parallelism}, inputs={}, **fields
    )


def dag(tasks: Raw) -> Raw:
    """A component made of tasks."""
    return {"dag": {"tasks": tasks}}


def test_tasks_start_beside_each_other_and_after_each_other() -> None:
    """All that may; what was launched and is known is not launched again."""
    read = program(document({"a": task(), "b": task(), "c": task("comp-work", "a", "b")}))
    assert starting(now(read)) == [("a", 1), ("b", 1)]
    assert starting(now(read, {"a": RUNNING})) == [("b", 1)]
    assert starting(now(read, {"a": SUCCEEDED, "b": RUNNING})) == []
    said = now(read, {"a": SUCCEEDED, "b": ended(phase=TaskPhase.CACHED, Output=2)})
    assert starting(said) == [("c", 1)]
    assert said.phases == {"a": TaskPhase.SUCCEEDED, "b": TaskPhase.CACHED, "c": PENDING}
    assert said.phase is TaskPhase.RUNNING


def test_what_depends_on_a_failure_is_skipped_and_the_rest_goes_on() -> None:
    """And the whole has failed once nothing runs."""
    read = program(document({"a": task(), "b": task("comp-work", "a"), "c": task(), "d": task("comp-work", "c")}))
    said = now(read, {"a": FAILED, "c": SUCCEEDED})
    assert starting(said) == [("d", 1)]
    assert (said.phases["b"], said.phase) == (SKIPPED, TaskPhase.RUNNING)
    said = now(read, {"a": FAILED, "c": SUCCEEDED, "d": SUCCEEDED})
    assert (said.phase, said.message) == (TaskPhase.FAILED, "task a failed")
    assert said.messages == {"a": "task a failed", "b": "task a, which it waits for, failed"}
    assert said.outputs is None


def test_failures_and_skips_of_nested_pipelines_name_all_tasks_inside() -> None:
    """As plan.json does: each has a phase, though it never began."""
    inner = dag({"x": task(), "y": task("comp-work", "x"), "l": loop("[1,2]")})
    read = program(document({"a": task(), "n": task("comp-n", "a")}, {"comp-work": WORK, "comp-n": inner}))
    assert now(read, {"a": RUNNING}).phases == {
        "a": TaskPhase.RUNNING, "n": PENDING, "n/x": PENDING, "n/y": PENDING, "n/l": PENDING,
    }  # fmt: skip
    skipped = now(read, {"a": FAILED}).phases
    assert {skipped[path] for path in ("n", "n/x", "n/y", "n/l")} == {SKIPPED}
    begun = now(read, {"a": SUCCEEDED, "n/x": RUNNING})
    assert (begun.phases["n"], begun.phases["n/y"]) == (TaskPhase.RUNNING, PENDING)
    assert starting(begun) == [("n/l#0", 1), ("n/l#1", 1)]


def test_iterations_that_have_begun_count_first() -> None:
    """However the first came to lack its record: never more than may."""
    read = program(document({"l": loop("[1,2,3,4]", parallelism=2)}))
    assert starting(now(read)) == [("l#0", 1), ("l#1", 1)]
    assert starting(now(read, {"l#1": RUNNING, "l#3": RUNNING})) == []
    said = now(read, {"l#0": SUCCEEDED, "l#1": RUNNING})
    assert starting(said) == [("l#2", 1)]
    assert said.phases == {
        "l": TaskPhase.RUNNING, "l#0": TaskPhase.SUCCEEDED, "l#1": TaskPhase.RUNNING, "l#2": PENDING, "l#3": PENDING,
    }  # fmt: skip


def test_iterations_that_ended_without_a_pod_stay_ended() -> None:
    """The second is skipped inside, the fourth can't be launched: they take nobody's place, and stay as they are."""
    slots = {"inputDefinitions": {"parameters": {"item": {"parameterType": "NUMBER_INTEGER"}}}}
    bound = {"parameters": {"item": {"componentInputParameter": "item"}}}
    inner = task(inputs=bound, triggerPolicy={"condition": "inputs.parameter_values['item'] != 6"})
    components = {"comp-work": {**WORK, **slots}, "comp-l": {**dag({"x": inner}), **slots}}
    image = "{{$.inputs.parameters['item']}}"
    executors = {"exec-work": container(image=image, resources={"resourceCpuLimit": image})}
    read = program(document({"l": loop("[0, 6, 0, -1, 0, 0]", 2, "comp-l")}, components, executors))
    first = now(read)
    assert starting(first) == [("l#0/x", 1), ("l#2/x", 1)]
    assert (first.phases["l#1"], first.phases["l#1/x"]) == (TaskPhase.SUCCEEDED, SKIPPED)
    second = now(read, {"l#0/x": SUCCEEDED, "l#2/x": RUNNING})
    assert starting(second) == [("l#4/x", 1)]
    assert second.phases["l#3"] is TaskPhase.FAILED
    third = now(read, {"l#0/x": SUCCEEDED, "l#2/x": RUNNING, "l#4/x": RUNNING})
    assert starting(third) == []
    assert [third.phases[f"l#{index}"].value for index in range(6)] == [
        "Succeeded", "Succeeded", "Running", "Failed", "Running", "Pending",
    ]  # fmt: skip


def test_a_failed_iteration_does_not_stop_the_others() -> None:
    """The loop has failed once all have ended; it gives nothing."""
    read = program(document({"l": loop("[1,2,3]", parallelism=1)}))
    assert starting(now(read, {"l#0": FAILED})) == [("l#1", 1)]
    said = now(read, {"l#0": FAILED, "l#1": SUCCEEDED, "l#2": SUCCEEDED})
    assert (said.phases["l"], said.message) == (TaskPhase.FAILED, "task l#0 failed")
    assert "l" not in said.ended


def test_a_loop_over_nothing() -> None:
    """Has succeeded, with empty lists."""
    said = now(program(document({"l": loop("[]")})))
    assert said.phase is TaskPhase.SUCCEEDED
    assert said.ended["l"] == Outputs({"Output": []})


def test_conditions() -> None:
    """True, false, and not to be told."""
    slots = {"inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}}}
    executors = {"exec-work": container()}

    def conditional(condition: str) -> Raw:
        bound = {"parameters": {"n": {"runtimeValue": {"constant": 3}}}}
        return document(
            {
                "c": task(inputs=bound, triggerPolicy={"condition": condition}),
                "d": task("comp-work", "c", inputs=bound),
            },
            {"comp-work": {**WORK, **slots}},
            executors,
        )

    assert starting(now(program(conditional("inputs.parameter_values['n'] == 3")))) == [("c", 1)]
    said = now(program(conditional("inputs.parameter_values['n'] == 4")))
    assert (said.phase, said.phases) == (TaskPhase.SUCCEEDED, {"c": SKIPPED, "d": SKIPPED})
    assert said.messages["d"] == "task c, which it waits for, was skipped"
    said = now(program(conditional("inputs.parameter_values['n'] < 'x'")))
    assert said.phase is TaskPhase.FAILED
    assert said.message == ("task c: condition: inputs.parameter_values['n'] < 'x': < can't compare a number with text")


def test_retries_wait_for_their_time() -> None:
    """The next attempt has the next number; the time to come back is said."""
    policy = {"maxRetryCount": 2, "backoffDuration": "30s", "backoffFactor": 2.0}
    read = program(
        document({"a": task(retryPolicy=policy), "b": task(retryPolicy={**policy, "backoffDuration": "5s"})})
    )
    attempts = {"a": FAILED, "b": FAILED}
    said = now(read, attempts, at_seconds=1.0)
    assert (starting(said), said.wake_at_seconds) == ([], 5.0)
    assert (said.phases["a"], said.phase) == (PENDING, TaskPhase.RUNNING)
    said = now(read, attempts, at_seconds=5.0)
    assert (starting(said), said.wake_at_seconds) == ([("b", 2)], 30.0)
    twice = ended(2, TaskPhase.FAILED)
    assert now(read, {"a": twice, "b": twice}, at_seconds=1.0).wake_at_seconds == 10.0
    assert now(read, {"a": twice[::-1], "b": twice[::-1]}, at_seconds=1.0).wake_at_seconds == 10.0
    thrice = ended(3, TaskPhase.FAILED)
    assert now(read, {"a": thrice, "b": thrice}).phase is TaskPhase.FAILED


def test_delays_are_bounded() -> None:
    """Whatever the factor."""
    retry = Retry(most=1000, backoff_seconds=1.0, factor=1e300, most_seconds=60.0)
    assert [delay_seconds(retry, failures) for failures in (1, 2, 1000)] == [1.0, 60.0, 60.0]


def test_nothing_starts_while_a_run_is_cancelled() -> None:
    """What runs is left to whoever ends it; what never began was cancelled; nothing is tried again."""
    policy = {"maxRetryCount": 5, "backoffDuration": "30s"}
    tasks = {"a": task(), "b": task("comp-work", "a"), "c": task(), "r": task(retryPolicy=policy), "l": loop("[1,2]")}
    read = program(document(tasks))
    attempts = {"a": RUNNING, "r": FAILED, "l#0": SUCCEEDED}
    said = now(read, attempts, cancelling=True)
    assert (starting(said), said.wake_at_seconds, said.phase) == ([], None, TaskPhase.RUNNING)
    assert said.phases["c"] is TaskPhase.CANCELLED
    said = now(read, {**attempts, "a": CANCELLED}, cancelling=True)
    assert {path: phase.value for path, phase in said.phases.items()} == {
        "a": "Cancelled", "b": "Cancelled", "c": "Cancelled", "r": "Failed",
        "l": "Cancelled", "l#0": "Succeeded", "l#1": "Cancelled",
    }  # fmt: skip
    assert said.phase is TaskPhase.FAILED
    without_failure = now(program(document({"a": task(), "c": task()})), {"a": CANCELLED}, cancelling=True)
    assert without_failure.phase is TaskPhase.CANCELLED


def test_a_run_that_has_succeeded_was_not_cancelled() -> None:
    """Cancelling comes too late."""
    read = program(document({"a": task()}))
    assert now(read, {"a": SUCCEEDED}, cancelling=True).phase is TaskPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("attempts", "starts", "phase"),
    [
        ({"body/x": RUNNING}, [], "Pending"),
        ({"body/x": CANCELLED}, [("exit/last", 1)], "Pending"),
        ({"body/x": SUCCEEDED}, [("exit/last", 1)], "Pending"),
        ({"body/x": CANCELLED, "exit/last": RUNNING}, [], "Running"),
        ({}, [], "Cancelled"),
    ],
)
def test_exit_handlers_run_while_a_run_is_cancelled(
    attempts: dict[str, tuple[Attempt, ...]], starts: list[tuple[str, int]], phase: str
) -> None:
    """If what they follow had begun; all inside them, too. Whatever comes beside them does not start."""
    components = {"comp-work": WORK, "comp-body": dag({"x": task(), "y": task("comp-work", "x")}),
                  "comp-exit": dag({"last": task()})}  # fmt: skip
    read = program(
        document({"body": task("comp-body"), "exit": task("comp-exit", "body", **EXIT), "other": task()}, components)
    )
    said = now(read, attempts, cancelling=True)
    assert starting(said) == starts
    assert said.phases["exit"].value == phase


def test_one_of_two_that_began_is_enough_for_what_waits_for_both() -> None:
    """While cancelling."""
    read = program(document({"a": task(), "b": task(), "last": task("comp-work", "a", "b", **EXIT)}))
    assert starting(now(read, {"a": CANCELLED}, cancelling=True)) == [("last", 1)]


def test_attempts_that_do_not_count_are_followed_by_another() -> None:
    """With the next number, without a retry and without a delay; they are no beginning, either."""
    read = program(
        document({"a": task(retryPolicy={"maxRetryCount": 1, "backoffDuration": "30s"}), "l": loop("[1,2]", 1)})
    )
    lost = Attempt(1, TaskPhase.FAILED, ended_seconds=0.0, counts=False)
    said = now(read, {"a": (lost,), "l#0": (lost,)}, at_seconds=1.0)
    assert starting(said) == [("a", 2), ("l#0", 2)]
    failed = Attempt(2, TaskPhase.FAILED, ended_seconds=0.0)
    said = now(read, {"a": (lost, failed), "l#0": (lost, failed)}, at_seconds=1.0)
    assert (starting(said), said.wake_at_seconds) == ([("l#1", 1)], 30.0)
    again = Attempt(3, TaskPhase.FAILED, ended_seconds=0.0)
    assert now(read, {"a": (lost, failed, again)}).phases["a"] is TaskPhase.FAILED
    cancelled = now(read, {"a": (lost,)}, cancelling=True)
    assert cancelled.phases["a"] is TaskPhase.CANCELLED


def test_ended_tasks_without_records_of_their_upstream_are_not_believed() -> None:
    """Records that were lost are made again."""
    read = program(document({"a": task(), "b": task("comp-work", "a")}))
    said = now(read, {"b": SUCCEEDED})
    assert starting(said) == [("a", 1)]


def test_a_group_that_grows_beyond_its_bound_fails() -> None:
    """By the items of its loops, nested ones together; what runs is told of all the same."""
    slots = {"inputDefinitions": {"parameters": {"n": {"parameterType": "LIST"}}}}
    over = task(
        parameterIterator={"itemInput": "item", "items": {"inputParameter": "n"}},
        inputs={"parameters": {"n": {"componentInputParameter": "n"}}},
    )
    components = {"comp-work": WORK, "comp-over": {**WORK, **slots}}
    over["componentRef"]["name"] = "comp-over"
    read = program(document({"l": over, "other": task()}, components, inputs=slots["inputDefinitions"]))
    enough = now(read, n=[0] * (MOST_TASKS - 1))
    assert enough.phase is TaskPhase.RUNNING
    assert len(enough.launches) == MOST_LAUNCHES
    said = now(read, {"other": RUNNING}, n=[0] * MOST_TASKS)
    assert (said.phase, said.launches, said.phases) == (TaskPhase.FAILED, (), {"other": TaskPhase.RUNNING})
    assert said.message.startswith(f"task l loops over {MOST_TASKS} items, which makes more than {MOST_TASKS} tasks")


def test_what_a_pipeline_is_given() -> None:
    """Values by name, of the right type; an integer may come as a float."""
    inputs = {
        "parameters": {"n": {"parameterType": "NUMBER_INTEGER"}, "o": {"parameterType": "LIST", "isOptional": True}}
    }
    read = program(document({"a": task()}, inputs=inputs))
    assert now(read, n=3.0).phase is TaskPhase.RUNNING
    cases: list[tuple[Any, str]] = [
        ({}, "pipeline story: parameter n: is required: give it a value"),
        ({"n": "3"}, "pipeline story: parameter n: must be a whole number, not text"),
        ({"n": 1, "x": 2}, "pipeline story: parameter x: is not a parameter of this pipeline, which has n, o"),
    ]
    for arguments, message in cases:
        said = now(read, **arguments)
        assert (said.phase, said.message) == (TaskPhase.FAILED, message)


@pytest.mark.parametrize("phase", [TaskPhase.RUNNING, TaskPhase.SUCCEEDED])
def test_a_step_looks_at_each_task_once(phase: TaskPhase) -> None:
    """Four times the iterations take about four times the calls, however far they are."""

    def calls(count: int) -> int:
        read = program(document({"l": loop(str([0] * count)), "last": task("comp-work", "l")}))
        attempts = {f"l#{index}": ended(phase=phase, Output=1) for index in range(count)}
        made = 0

        def count_call(_: object, event: str, __: object) -> None:
            nonlocal made
            made += event in {"call", "c_call"}

        before = sys.getprofile()
        sys.setprofile(count_call)
        try:
            assert len(now(read, attempts).phases) == count + 2
        finally:
            sys.setprofile(before)
        return made

    few, many = calls(500), calls(2000)
    assert many < 4.2 * few
