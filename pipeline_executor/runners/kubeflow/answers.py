"""Kubeflow Pipelines' answers about a run, as a record. Pure.

Only states can be relied upon: a run says RUNNING as long as anything may still happen, whatever its pods wait for, and
some of its tasks are RUNNING for a moment after it has SUCCEEDED. So nothing is read of its tasks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_LONGEST: Final = 1000


class RunState(StrEnum):
    """The state of a run, as the API calls it. A run that was terminated is FAILED once it was CANCELING."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    PAUSED = "PAUSED"
    UNKNOWN = "RUNTIME_STATE_UNSPECIFIED"

    @property
    def is_final(self) -> bool:
        """Whether the state never changes again."""
        return self in _FINAL


_FINAL: Final = frozenset({RunState.SUCCEEDED, RunState.SKIPPED, RunState.FAILED, RunState.CANCELED})


@dataclass(frozen=True, slots=True)
class BackendRun:
    """A run in Kubeflow Pipelines.

    Attributes:
        error: what Kubeflow says of it; mostly "".
    """

    run_id: str
    state: RunState
    error: str = ""


def read_run(answer: Mapping[str, Any]) -> BackendRun:
    """Read the answer to `GET /apis/v2beta1/runs/ID`; an unknown state is UNKNOWN, which is not final."""
    said = answer.get("state")
    state = RunState(said) if said in {each.value for each in RunState} else RunState.UNKNOWN
    errors = [answer.get("error"), *(each.get("error") for each in answer.get("state_history") or ())]
    messages = [" ".join(str(each.get("message") or "").split()) for each in errors if isinstance(each, Mapping)]
    return BackendRun(str(answer.get("run_id") or ""), state, next((each[:_LONGEST] for each in messages if each), ""))


def problem_of(answer: Any) -> str:  # noqa: ANN401 - JSON of a stranger
    """Return the sentence in an answer that is an error; "" where there is none."""
    if not isinstance(answer, Mapping):
        return ""
    for key in ("error_message", "message", "error"):
        said = answer.get(key)
        if isinstance(said, str) and said:
            return " ".join(said.split())[:_LONGEST]
    return ""
