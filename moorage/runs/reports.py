"""`run.json`: plan beside actual, of one run that has ended. Seconds, bytes; times in RFC 3339 (UTC)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from moorage.model import API_VERSION
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import Fields
from moorage.runs.names import RunRef

REPORT_BOUNDS: Final = Bounds(most_bytes=64 << 20, most_depth=16)
_KIND: Final = "RunReport"
_KINDS: Final = ("artifact", "dataset", "file")

_LONGEST_NAME: Final = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TaskActual:
    """The actual cost of a task. `seconds`: wall time from the first start to the last end, all attempts counted."""

    seconds: float | None
    bytes_in: int
    bytes_out: int
    attempts: int
    phase: str
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class ReportedTask:
    """A task of the plan; `actual` None where nothing of it ran."""

    name: str
    site: str
    group: str
    planned_seconds: float
    actual: TaskActual | None = None


@dataclass(frozen=True, slots=True)
class TransferActual:
    """The actual size and duration of a transfer; `seconds` None where nobody measured it."""

    size_bytes: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ReportedTransfer:
    """A transfer of the plan. `kind`: artifact, dataset or file. `actual` None where nothing crossed."""

    kind: str
    key: str
    origin: str
    target: str
    planned_bytes: float
    planned_seconds: float
    actual: TransferActual | None = None


@dataclass(frozen=True, slots=True)
class ReportedGroup:
    """The end of a group, in a run's report."""

    id: str
    site: str
    phase: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of a whole run; seconds None where they are not known."""

    size_bytes: float
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """Plan beside actual.

    Attributes:
        pipeline: its name.
        digest: of the pipeline.
        plan_digest: of the last plan in force; "" without one.
        revision: which plan of the run that is.
        start: when the run began; "" where that is not known.
    """

    run: RunRef
    pipeline: str
    digest: str
    phase: str
    plan_digest: str
    revision: int
    tasks: tuple[ReportedTask, ...]
    transfers: tuple[ReportedTransfer, ...]
    planned: Totals
    actual: Totals
    groups: tuple[ReportedGroup, ...] = ()
    start: str = ""
    end: str = ""

    def write(self) -> bytes:
        """Write the object's content; the same record gives the same bytes."""
        document = {
            "apiVersion": API_VERSION,
            "kind": _KIND,
            "run": {"namespace": self.run.namespace, "name": self.run.name, "uid": self.run.uid},
            "pipeline": {"name": self.pipeline, "digest": self.digest},
            "phase": self.phase or None,
            "startTime": self.start or None,
            "completionTime": self.end or None,
            "plan": {"digest": self.plan_digest, "revision": self.revision} if self.plan_digest else None,
            "tasks": [_write_task(task) for task in self.tasks],
            "transfers": [_write_transfer(transfer) for transfer in self.transfers],
            "totals": {
                "planned": {"bytes": self.planned.size_bytes, "seconds": self.planned.seconds},
                "actual": {"bytes": self.actual.size_bytes, "seconds": self.actual.seconds},
            },
            "groups": [
                {"id": group.id, "site": group.site, "phase": group.phase, "attempt": group.attempt}
                for group in self.groups
            ],
        }
        return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, content: bytes, subject: str = "run.json") -> Self:
        """Read a report from its object.

        Raises:
            InputError: it is none.
        """
        fields = read_object(content, subject, REPORT_BOUNDS)
        fields.word("apiVersion", API_VERSION)
        fields.word("kind", _KIND)
        run, pipeline = fields.required_sub("run"), fields.required_sub("pipeline")
        plan, totals = fields.sub("plan"), fields.required_sub("totals")
        return cls(
            run=RunRef(run.required_text("namespace"), run.required_text("name"), run.required_text("uid")),
            pipeline=_name(pipeline, "name") if pipeline.value("name") else "",
            digest=pipeline.text("digest") or "",
            phase=fields.text("phase") or "",
            plan_digest="" if plan is None else plan.text("digest") or "",
            revision=0 if plan is None else plan.count("revision") or 0,
            tasks=tuple(_read_task(entry) for entry in fields.subs("tasks")),
            transfers=tuple(_read_transfer(entry) for entry in fields.subs("transfers")),
            planned=_read_totals(totals.required_sub("planned")),
            actual=_read_totals(totals.required_sub("actual")),
            groups=tuple(
                ReportedGroup(
                    each.required_text("id"),
                    each.required_text("site"),
                    each.text("phase") or "",
                    each.count("attempt") or 0,
                )
                for each in fields.subs("groups")
            ),
            start=fields.text("startTime") or "",
            end=fields.text("completionTime") or "",
        )


def _name(fields: Fields, key: str) -> str:
    """Read the name of a task, an artifact or a pipeline: a path, which may be longer than other names."""
    value = fields.value(key)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
        fields.fail(key, f"must be a name of at most {_LONGEST_NAME} characters")
    return value


def _write_task(task: ReportedTask) -> dict[str, Any]:
    actual = task.actual
    return {
        "name": task.name,
        "site": task.site,
        "group": task.group,
        "planned": {"seconds": task.planned_seconds},
        "actual": None
        if actual is None
        else {
            "seconds": actual.seconds,
            "start": actual.start or None,
            "end": actual.end or None,
            "bytesIn": actual.bytes_in,
            "bytesOut": actual.bytes_out,
            "attempts": actual.attempts,
            "phase": actual.phase,
        },
    }


def _read_task(fields: Fields) -> ReportedTask:
    return ReportedTask(
        name=_name(fields, "name"),
        site=fields.required_text("site"),
        group=fields.text("group") or "",
        planned_seconds=fields.required_sub("planned").number("seconds") or 0.0,
        actual=_if_there(
            fields,
            lambda actual: TaskActual(
                seconds=actual.number("seconds"),
                bytes_in=actual.count("bytesIn") or 0,
                bytes_out=actual.count("bytesOut") or 0,
                attempts=actual.count("attempts") or 0,
                phase=actual.text("phase") or "",
                start=actual.text("start") or "",
                end=actual.text("end") or "",
            ),
        ),
    )


def _write_transfer(transfer: ReportedTransfer) -> dict[str, Any]:
    actual = transfer.actual
    return {
        "what": {transfer.kind: transfer.key},
        "from": transfer.origin,
        "to": transfer.target,
        "planned": {"bytes": transfer.planned_bytes, "seconds": transfer.planned_seconds},
        "actual": None if actual is None else {"bytes": actual.size_bytes, "seconds": actual.seconds},
    }


def _read_transfer(fields: Fields) -> ReportedTransfer:
    what, planned = fields.required_sub("what"), fields.required_sub("planned")
    kind = next((each for each in _KINDS if what.value(each) is not None), None)
    if kind is None:
        what.fail("", f"must be one of {', '.join(_KINDS)}")
    return ReportedTransfer(
        kind=kind,
        key=_name(what, kind),
        origin=fields.required_text("from"),
        target=fields.required_text("to"),
        planned_bytes=planned.number("bytes") or 0.0,
        planned_seconds=planned.number("seconds") or 0.0,
        actual=_if_there(fields, lambda actual: TransferActual(actual.count("bytes") or 0, actual.number("seconds"))),
    )


def _read_totals(fields: Fields) -> Totals:
    return Totals(fields.number("bytes") or 0.0, fields.number("seconds"))


def _if_there(fields: Fields, read: Callable[[Fields], T]) -> T | None:
    sub = fields.sub("actual")
    return None if sub is None else read(sub)
