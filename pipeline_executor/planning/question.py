"""Question and answer of a planning, as JSON between the two processes. Pure.

The question is a line of JSON for `Question`, then a line for each object of the cluster: the PipelineHistories of the
run's namespace, Sites, Datasets and Namespaces.
So the hub holds no more of them than one page. The answer is one JSON object.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from moorage.errors import InputError


@dataclass(frozen=True, slots=True)
class Question:
    """A run to be planned.

    Attributes:
        pipeline: its text.
        subject: the pipeline's name in messages.
        namespace, service_account: whose the run's pods are.
        hints: what hint files hold, as text or as a document, each with what it is called in messages; the later wins.
        parameters: what the run gives the pipeline.
        without: sites that are out of sight, and take no part.
        pins: by task, the sites where it may be, where a run is planned anew.
        settled: by task, the group of an earlier plan in which it stays; see `Request.settled`.
        taken: ids of groups that no new group may have.
    """

    pipeline: str
    subject: str
    namespace: str = "default"
    service_account: str = "default"
    objective: str = "money"
    tolerance: float = 0.01
    time_limit_seconds: float = 60.0
    hints: Sequence[tuple[str, str | Mapping[str, Any]]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    without: Sequence[str] = ()
    pins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    settled: Mapping[str, str] = field(default_factory=dict)
    taken: Sequence[str] = ()

    def write(self) -> bytes:
        """Serialize the question as one line."""
        body = {
            "pipeline": self.pipeline,
            "subject": self.subject,
            "objective": self.objective,
            "tolerance": self.tolerance,
            "timeLimitSeconds": self.time_limit_seconds,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "hints": [[subject, told if isinstance(told, str) else dict(told)] for subject, told in self.hints],
            "parameters": dict(self.parameters),
            "without": list(self.without),
            "pins": {task: list(sites) for task, sites in self.pins.items()},
            "settled": dict(self.settled),
            "taken": list(self.taken),
        }
        return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Question":
        """Read the line that `write` returned."""
        raw = json.loads(line)
        return cls(
            pipeline=raw["pipeline"],
            subject=raw["subject"],
            objective=raw["objective"],
            tolerance=raw["tolerance"],
            time_limit_seconds=raw["timeLimitSeconds"],
            namespace=raw["namespace"],
            service_account=raw["serviceAccount"],
            hints=[(subject, told) for subject, told in raw["hints"]],
            parameters=raw["parameters"],
            without=raw["without"],
            pins=raw["pins"],
            settled=raw["settled"],
            taken=raw["taken"],
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer with a plan.

    Attributes:
        files: by name: `plan.json`, `bound.json`, `report.html`, `groups/<id>.yaml`, `inputs.json`; and, as a file of
            hints, `measured.json`, where earlier runs had something to say.
    """

    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unplannable:
    """An answer without a plan: the facts that rule it out, with what would help; `files` has `infeasible.json`."""

    message: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal of the run's input."""

    message: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An answer where neither was found within the bounds of time and memory."""

    message: str


Answer: TypeAlias = Planned | Unplannable | Refused | Unsettled
_KINDS: Mapping[str, type[Planned | Unplannable | Refused | Unsettled]] = {
    "planned": Planned,
    "unplannable": Unplannable,
    "refused": Refused,
    "unsettled": Unsettled,
}


def write_answer(answer: Answer) -> bytes:
    """Write the whole answer."""
    kind = next(name for name, made in _KINDS.items() if isinstance(answer, made))
    body: dict[str, Any] = {"answer": kind}
    if not isinstance(answer, Planned):
        body["message"] = answer.message
    if isinstance(answer, Planned | Unplannable):
        body["files"] = dict(answer.files)
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()


def read_answer(content: bytes) -> Answer:
    """Read the answer that `write_answer` returned.

    Raises:
        InputError: the child wrote something else.
    """
    try:
        raw = json.loads(content)
        kind = raw["answer"]
        if kind == "planned":
            return Planned(raw["files"])
        if kind == "unplannable":
            return Unplannable(raw["message"], raw["files"])
        return Refused(raw["message"]) if kind == "refused" else Unsettled(raw["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("planning", "answer", "can't be read; this is a fault of Moorage, see its log") from None
