"""Runs whose tasks are real pods on real nodes, and go wrong: all at once, and each says what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moorage_cli.main import moorage
from moorage_cli.running import run
from tests.pipeline_executor.nodes.ground import RUNS, Ground
from tests.pipeline_executor.nodes.troubles import LOST, TROUBLES, Trouble
from tests.world import eventually

Raw = dict[str, Any]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def analysts_kubeconfig(under_way: Ground) -> Path:
    """That of a data scientist."""
    return under_way.analysts_kubeconfig()


@pytest.fixture
def analyst(
    under_way: Ground,
    analysts_kubeconfig: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """`moorage runs ...` as a data scientist: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(analysts_kubeconfig))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MOORAGE_SERVER"):
        monkeypatch.delenv(name, raising=False)
    under_way.says("parameter", lambda status: status.get("phase") == "Failed")
    under_way.says("no-node", lambda status: _phase(status) == "Pending")

    def type_in(*words: str) -> tuple[int, str, str]:
        where = [] if {"-n", "-A"} & set(words) else ["-n", RUNS]
        code = run(moorage, "moorage", ["runs", *words, *where])
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_in


def test_a_task_whose_node_is_lost_says_so_and_runs_elsewhere(under_way: Ground) -> None:
    """Once the cluster takes its pod away; all other runs go on meanwhile."""
    says = TROUBLES[LOST].says
    eventually(lambda: any(says in told["message"] for told in under_way.get("events", "-n", RUNS)["items"]))
    status = under_way.says(LOST, lambda status: status.get("completionTime") is not None)
    assert (status["phase"], [task["attempt"] for task in status["tasks"]]) == ("Succeeded", [2])


@pytest.mark.parametrize(
    ("words", "code", "first"),
    [
        ("show absent", 1, '"absent" not found'),
        ("show absent --follow", 1, '"absent" not found'),
        ("logs absent", 1, '"absent" not found'),
        ("logs no-node absent", 1, "run no-node has no task absent; it has a"),
        ("logs no-node absent --follow", 1, "run no-node has no task absent; it has a"),
        ("logs no-node", 2, "no task has failed: name one, or --all; it has a"),
        ("logs no-node a --attempt 7", 1, "Task a has had"),
        ("logs no-node a", 1, "which you may not read: ask a server that may: --server"),
        ("logs parameter", 1, "No task of parameter has begun: it is Failed: run: spec.parameters['count']"),
        (
            "report no-node",
            1,
            "the report of run no-node lies in its sites' artifact stores",
        ),
        ("report parameter", 1, "run parameter has no plan"),
        ("retry no-node", 1, "only a run that failed can go on"),
        ("approve no-node", 1, "waits for no approval"),
        ("cancel absent", 1, '"absent" not found'),
        ("cancel parameter", 1, "has ended (Failed)"),
        ("hints absent", 2, "is no pipeline of which a run has succeeded"),
        ("show no-node -n troubled-strict", 1, "cannot get resource"),
        ("list -n troubled-strict", 1, "cannot list resource"),
        ("list -A", 1, "cannot list resource"),
    ],
)
def test_a_wrong_question_is_answered_in_the_first_sentence(
    analyst: Command, words: str, code: int, first: str
) -> None:
    """As a data scientist asks, who may edit what is in her namespace and has no keys of a store."""
    given, _, err = analyst(*words.split())
    assert (given, first in err.partition("\n")[0]) == (code, True), err


@pytest.mark.parametrize("name", sorted(TROUBLES.keys() - {LOST}))
def test_a_run_says_what_is_wrong_and_ends_or_waits(under_way: Ground, name: str) -> None:
    """The task, its group and the run name it; then the run ends by itself, or is still there to be mended."""
    trouble = TROUBLES[name]
    status = under_way.says(name, lambda status: _tells(status, trouble), trouble.namespace)
    if not trouble.ends:
        assert status["phase"] in {"Planning", "Running"}
        under_way.kubectl(
            "patch", "spipe", name, "-n", trouble.namespace, "--type=merge", "-p", '{"spec":{"cancel":true}}'
        )
    ends = trouble.ends or "Cancelled"
    status = under_way.says(name, lambda status: status.get("completionTime") is not None, trouble.namespace)
    assert status["phase"] == ends, status
    if trouble.planned:
        eventually(lambda: not under_way.pods(name, trouble.namespace))


def _tells(status: Raw, trouble: Trouble) -> bool:
    if not trouble.planned:
        return trouble.says in status.get("message", "")
    told = [status.get("message", "")]
    told += [each.get("message", "") for key in ("tasks", "groups") for each in status.get(key) or ()]
    return len(told) == 3 and all(trouble.says in each for each in told)


def _phase(status: Raw) -> str:
    return next((str(each["phase"]) for each in status.get("tasks") or ()), "")
