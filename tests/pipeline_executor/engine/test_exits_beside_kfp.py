"""Failures: exit handlers, tasks that ignore them, retries, and what each skips; beside kfp.local where it can."""

from pathlib import Path

import pytest
from kfp import dsl

from moorage.runs.phases import TaskPhase
from tests.pipeline_executor.engine.beside import compiled, light, outputs, run_by_engine
from tests.pipeline_executor.engine.oracle import run_by_kfp


@light
def work(result: str) -> str:
    """It fails if told to."""
    if result == "fail":
        raise RuntimeError("as told")
    return result


@light
def note(place: str, text: str = "nothing") -> str:
    """Write something down where the test looks."""
    with open(place, "a") as file:  # noqa: PTH123 - runs alone in its own process
        file.write(text + "\n")
    return text


@light
def note_status(place: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Write down how it ended."""
    with open(place, "a") as file:  # noqa: PTH123 - runs alone in its own process
        file.write(
            f"{status.state} {status.pipeline_task_name} {bool(status.error_code)} {bool(status.error_message)}\n"
        )


@light
def flaky(place: str, fails: int) -> int:
    """It fails a few times, as the file beside it counts."""
    with open(place, "a+") as file:  # noqa: PTH123 - runs alone in its own process
        file.seek(0)
        count = len(file.readlines())
        file.write("tried\n")
    if count < fails:
        raise RuntimeError("not yet")
    return count


def lines(place: Path) -> list[str]:
    """What was written there."""
    return place.read_text().splitlines() if place.exists() else []


@pytest.mark.parametrize("result", ["fine", "fail"])
def test_exit_handlers_run_and_are_told_the_status(tmp_path: Path, result: str) -> None:
    """After success and after failure, which stays one; the engine and kfp.local tell them the same."""

    @dsl.pipeline
    def pipeline(result: str, place: str) -> None:
        last = note_status(place=place)
        with dsl.ExitHandler(last):
            done = work(result=result)
            note(place=place, text=done.output)

    text = compiled(pipeline, tmp_path)
    run, last = run_by_engine(text, {"result": result, "place": str(tmp_path / "ours")}, tmp_path / "engine")
    failed = result == "fail"
    assert last.phase is (TaskPhase.FAILED if failed else TaskPhase.SUCCEEDED)
    assert last.phases["note-status"] is TaskPhase.SUCCEEDED
    assert last.phases["exit-handler-1/note"] is (TaskPhase.SKIPPED if failed else TaskPhase.SUCCEEDED)
    arguments = {"result": result, "place": str(tmp_path / "theirs")}
    if failed:
        assert last.message == "task exit-handler-1/work failed: exit code 1"
        assert last.messages["exit-handler-1/note"] == "task work, which it waits for, failed"
        with pytest.raises(RuntimeError, match="FAILURE"):
            run_by_kfp(text, arguments, tmp_path / "kfp")
    else:
        run_by_kfp(text, arguments, tmp_path / "kfp")
    assert lines(tmp_path / "ours") == lines(tmp_path / "theirs")
    status = f"{'FAILED' if failed else 'SUCCEEDED'} exit-handler-1 {'True True' if failed else 'False False'}"
    assert lines(tmp_path / "ours")[-1] == status
    assert run.started[-1] == ("note-status", 1)


def test_what_ignores_failures_runs_with_its_defaults(tmp_path: Path) -> None:
    """And what follows it; the run has failed all the same. What doesn't depend on the failure goes on."""

    @dsl.pipeline
    def pipeline(place: str) -> None:
        bad = work(result="fail")
        cleaned = note(place=place, text=bad.output).ignore_upstream_failure()
        note(place=place, text=f"after {cleaned.output}")
        never = note(place=place, text=bad.output)
        note(place=place, text=never.output)
        good = work(result="good")
        note(place=place, text=good.output)

    place = tmp_path / "ours"
    _, last = run_by_engine(compiled(pipeline, tmp_path), {"place": str(place)}, tmp_path / "engine")
    assert last.phase is TaskPhase.FAILED
    assert sorted(lines(place)) == ["after nothing", "good", "nothing"]
    assert last.phases["note-3"] is TaskPhase.SKIPPED
    assert last.phases["note-4"] is TaskPhase.SKIPPED


@pytest.mark.parametrize(("fails", "phase"), [(2, TaskPhase.SUCCEEDED), (3, TaskPhase.FAILED)])
def test_retries_with_growing_delays(tmp_path: Path, fails: int, phase: TaskPhase) -> None:
    """Two retries after the first attempt, no more; each attempt has a number and waits for longer."""

    @dsl.pipeline
    def pipeline(place: str, fails: int) -> int:
        task = flaky(place=place, fails=fails)
        task.set_retry(num_retries=2, backoff_duration="10s", backoff_factor=3.0)
        return task.output

    arguments = {"place": str(tmp_path / "tries"), "fails": fails}
    run, last = run_by_engine(compiled(pipeline, tmp_path), arguments, tmp_path / "engine")
    assert last.phase is phase
    assert run.started == [("flaky", 1), ("flaky", 2), ("flaky", 3)]
    assert run.now_seconds == 10.0 + 30.0
    if phase is TaskPhase.SUCCEEDED:
        assert outputs(run, last) == {"Output": 2}
