"""What a group's spoke decides without looking anywhere: attempts, importers, exports, statuses, Events."""

from typing import Any

import pytest
import yaml

from moorage.runs import ExportSpec, GroupPhase, ImportSpec, Manifest, TaskEnd, TaskPhase
from pipeline_executor.engine import Artifact, Job, Outputs, read_program, step
from pipeline_executor.runners.embedded.decisions import MOST_INTERRUPTIONS, attempts_of, task_states
from pipeline_executor.runners.program_paths import container_paths, lies_in, without_numbers
from pipeline_executor.runners.protocol import Progress, TaskState
from pipeline_executor.runners.task_records import AttemptRecord
from pipeline_executor.spoke.events import events_between
from pipeline_executor.spoke.exports import exports_of
from pipeline_executor.spoke.importers import fill_importers
from pipeline_executor.spoke.importing import Arrival
from pipeline_executor.spoke.status import Condition, Facts, status_of
from tests.pipeline_executor.spoke.pipelines import pair, reader, scripts


def _end(phase: TaskPhase, group_attempt: int = 1, *, interrupted: bool = False) -> TaskEnd:
    return TaskEnd(phase, 1, "why", "", "", "eu-1", "", "p", 0, 0, group_attempt, interrupted)


def _documents(text: bytes) -> list[Any]:
    return list(yaml.safe_load_all(text))


def test_tasks_are_called_as_in_the_plan() -> None:
    """A group's file is flat; paths, and so objects in the store, bear the names of nested pipelines all the same."""
    text = scripts({"train-fit": "x", "say": "x"}, after={"say": "train-fit"})
    program = read_program(_documents(text), "flat", {"train-fit": "train/fit"})
    assert container_paths(program) == {"train/fit", "say"}
    job = Job("run", "uid", "s3://b/r")
    (launch,) = step(program, job, {}, {}, 0.0).launches
    assert launch.path == "train/fit"
    done = {"train/fit": {1: AttemptRecord(1, outputs=Outputs(), end=_end(TaskPhase.SUCCEEDED))}}
    (launch,) = step(program, job, {}, attempts_of(done, [], 1), 0.0).launches
    assert launch.path == "say"


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("train/fit", True),
        ("train/fit#2", True),
        ("train/fit#2/inner#0", True),
        ("train/fit/inner", True),
        ("say", True),
        ("train/fitting", False),
        ("train", False),
        ("sayings", False),
        ("train/other/fit", False),
    ],
)
def test_a_records_task_is_of_this_group_or_of_another(path: str, inside: bool) -> None:  # noqa: FBT001 - a table
    """Groups of a run share the folder of their records."""
    assert lies_in(path, {"train/fit", "say"}) is inside


def test_of_interruptions_some_are_made_good() -> None:
    """The task is tried again without a retry of its own, but not for ever."""
    program = read_program(_documents(scripts({"a": "x"})), "one")
    job = Job("run", "uid", "s3://b/r")
    records: dict[int, AttemptRecord] = {}
    for number in range(1, MOST_INTERRUPTIONS + 3):
        said = step(program, job, {}, attempts_of({"a": records}, [], 1), 0.0)
        if number > MOST_INTERRUPTIONS + 1:
            assert said.phase is TaskPhase.FAILED
            return
        (launch,) = said.launches
        assert launch.attempt == number
        records[number] = AttemptRecord(number, end=_end(TaskPhase.FAILED, interrupted=True))


def test_what_an_earlier_attempt_of_the_group_did_counts_where_it_succeeded() -> None:
    """Failures of another attempt of the group are no retries of this one, and their numbers are not used again."""
    program = read_program(_documents(scripts({"a": "x", "b": "x"}, after={"b": "a"})), "two")
    done = AttemptRecord(1, outputs=Outputs(), end=_end(TaskPhase.SUCCEEDED))
    records = {"a": {1: done}, "b": {1: AttemptRecord(1, end=_end(TaskPhase.FAILED))}}
    job = Job("run", "uid", "s3://b/r")
    assert step(program, job, {}, attempts_of(records, [], 1), 0.0).phase is TaskPhase.FAILED
    (launch,) = step(program, job, {}, attempts_of(records, [], 2), 0.0).launches
    assert (launch.path, launch.attempt) == ("b", 2)
    cancelled = {"a": {1: done}, "b": {1: AttemptRecord(1, end=_end(TaskPhase.CANCELLED))}}
    (launch,) = step(program, job, {}, attempts_of(cancelled, [], 2), 0.0).launches
    assert launch.attempt == 2


def test_outputs_that_are_gone_are_made_again() -> None:
    """An end that says Succeeded is worth nothing without what it gave out."""
    program = read_program(_documents(scripts({"a": "x"})), "one")
    records = {"a": {1: AttemptRecord(1, end=_end(TaskPhase.SUCCEEDED))}}
    told = attempts_of(records, [], 1)
    assert told["a"][0].phase is TaskPhase.FAILED
    assert step(program, Job("run", "uid", "s3://b/r"), {}, told, 0.0).phase is TaskPhase.FAILED


def test_states_are_of_containers_only() -> None:
    """Importers are no tasks; loops' numbers are left out where a task is looked up in the pipeline."""
    program = read_program(_documents(reader()), "reader")
    assert container_paths(program) == {"double", "say"}
    assert without_numbers("train#2/inner#10/evaluate") == "train/inner/evaluate"
    arguments = {"given_uri": "s3://b/k", "times": 2}
    said = step(program, Job("run", "uid", "s3://b/r"), arguments, {}, 0.0)
    states = task_states(said, container_paths(program), {}, [], {"say": "no quota"})
    assert {path: (state.phase, state.message) for path, state in states.items()} == {
        "double": (TaskPhase.PENDING, ""),
        "say": (TaskPhase.PENDING, "no quota"),
    }


def test_importers_get_what_the_producer_noted() -> None:
    """Type and metadata are the manifest's; the documents that were given stay as they are."""
    before = _documents(reader())
    kind = {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}
    manifest = Manifest("a.out", kind, {"accuracy": 0.5}, "s3://b/k", ())
    after = fill_importers(before, {"given_uri": manifest, "other": manifest})
    importer = after[0]["deploymentSpec"]["executors"]["exec-import"]["importer"]
    assert (importer["metadata"], importer["typeSchema"]) == ({"accuracy": 0.5}, kind)
    assert before == _documents(reader())
    program = read_program(after, "reader")
    said = step(program, Job("run", "uid", "s3://b/r"), {"given_uri": "s3://b/k", "times": 2}, {}, 0.0)
    given = next(launch for launch in said.launches if launch.path == "say").inputs[0].artifact
    assert (given.metadata, given.type, given.uri) == ({"accuracy": 0.5}, kind, "s3://b/k")


def test_an_export_is_due_as_soon_as_its_task_has_succeeded() -> None:
    """The other task may still run; what never comes, though all succeeded, is said."""
    documents = _documents(pair())
    artifact, value = ExportSpec("Output", artifact="double.out"), ExportSpec("length", value="write.length")
    other = ExportSpec("none", value="write.none")
    written = Outputs(parameters={"length": 0})
    running = Progress(phase=TaskPhase.RUNNING, ended={"write": written})
    due, missing = exports_of(documents, [artifact, value, other], running, {})
    assert ([each.spec for each in due], due[0].value, missing) == ([value], 0, [])
    made = Outputs(artifacts={"Output": (Artifact("out", {}, "s3://b/o"),)}, parameters={"length": 0})
    ended = Progress(phase=TaskPhase.SUCCEEDED, ended={"write": written}, outputs=made)
    due, missing = exports_of(documents, [artifact, value, other], ended, {})
    assert [each.spec for each in due] == [artifact, value]
    assert [each.spec for each in missing] == [other]


def test_a_status_keeps_times_and_is_the_same_for_the_same_facts() -> None:
    """Written again later it does not differ; a condition that changes has the new time."""
    facts = Facts(
        phase=GroupPhase.RUNNING,
        message="waits\nfor  a node",
        tasks={"a": TaskState(TaskPhase.RUNNING, 1)},
        conditions=[Condition("Accepted", status=True, reason="Accepted")],
    )
    first = status_of(facts, {}, "2026-11-29T12:00:00Z")
    assert status_of(facts, first, "2026-11-29T13:00:00Z") == first
    assert (first["message"], first["startTime"]) == ("waits for a node", "2026-11-29T12:00:00Z")
    ended = Facts(phase=GroupPhase.FAILED, conditions=[Condition("Accepted", status=False, reason="Superseded")])
    after = status_of(ended, first, "2026-11-29T14:00:00Z")
    assert (after["startTime"], after["completionTime"]) == (first["startTime"], "2026-11-29T14:00:00Z")
    assert after["conditions"][0]["lastTransitionTime"] == "2026-11-29T14:00:00Z"
    assert after["tasks"] == first["tasks"]


def test_a_status_is_bounded() -> None:
    """Beyond 500 tasks only their counts; messages are cut."""
    tasks = {f"t{number}": TaskState(TaskPhase.FAILED, 1, "x" * 5000) for number in range(501)}
    status = status_of(Facts(phase=GroupPhase.RUNNING, tasks=tasks), {}, "now")
    assert ("tasks" in status, status["taskCounts"]) == (False, {"Failed": 501})
    few = status_of(Facts(phase=GroupPhase.RUNNING, tasks=dict(list(tasks.items())[:500])), status, "now")
    assert len(few["tasks"]) == 500
    assert max(len(each["message"]) for each in few["tasks"]) <= 300


def test_what_was_measured_of_an_import_outlives_its_process() -> None:
    """A spoke that restarts finds the artifact in its store, and does not know how long it took."""
    spec = ImportSpec("a_uri", "us-1", artifact="a.out")
    done = Arrival(TaskPhase.SUCCEEDED, size_bytes=10, bytes_done=10, seconds=1.5)
    facts = Facts(phase=GroupPhase.RUNNING, imports=[(spec, done)])
    first = status_of(facts, {}, "now")
    assert first["imports"][0]["seconds"] == "1.500"
    again = Facts(phase=GroupPhase.RUNNING, imports=[(spec, Arrival(TaskPhase.SUCCEEDED))])
    assert status_of(again, first, "later")["imports"] == first["imports"]


def test_events_tell_what_a_person_should_see_once() -> None:
    """Phases, what is waited for, tasks that failed; nothing twice, and not a thousand tasks."""
    tasks = [{"name": f"t{number}", "phase": "Failed", "message": "no"} for number in range(50)]
    before = {"phase": "Running", "message": ""}
    after = {"phase": "Failed", "message": "t0: no", "tasks": tasks}
    told = events_between(before, after)
    assert [each.reason for each in told].count("TaskFailed") == 10
    assert told[0].note == "t0: no"
    assert events_between(after, after) == []
    waits = {"phase": "Running", "message": "a: no node"}
    assert [(each.reason, each.warning) for each in events_between(before, waits)] == [("Waits", True)]
