"""One task of a dag, as its spec says it: nothing is resolved yet."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_splitter.kfp.bindings import FromStatus, Said, read_artifacts, read_parameters
from pipeline_splitter.kfp.places import Place, Raw, shown

_DIGITS = re.compile(r"[0-9]{1,10}")
_LONGEST_TITLE = 128
WAITS_FOR_ALL = "ALL_UPSTREAM_TASKS_COMPLETED"
_OPERAND = re.compile(r"""inputs\.(?:parameter_values|parameters|artifacts)\[\s*(?:'([^']*)'|"([^"]*)")\s*\]""")


@dataclass(frozen=True, slots=True)
class Iterator:
    """The items of a loop.

    Attributes:
        item: name of the input of the loop's component that receives one item.
        source: name of the loop task's own input that holds the items; None where they are written down.
        count: how many items are written down; None where only the run knows.
        is_artifact: whether the items are artifacts.
        text: the items as they are written down, which may mention inputs of the loop task; "" where they are not.
        parallelism: how many iterations may run at once; 0: all.
    """

    item: str
    source: str | None
    count: int | None
    is_artifact: bool
    text: str
    parallelism: int = 0


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One entry of `dag.tasks`.

    Attributes:
        component: name of its component.
        after: names of tasks in `dependentTasks`, sorted.
        is_conditional: whether it runs only when its trigger policy's condition holds.
        operands: inputs that its condition looks at, sorted.
        waits_for_all: runs also after failures upstream.
        upstream: every task beside it that it waits for, by order, binding or final status.
        watched: those whose final status it is told.
        title: its display name; "" where it has none of its own.
    """

    name: str
    place: Place
    component: str
    parameters: Mapping[str, Said]
    artifacts: Mapping[str, Said]
    after: tuple[str, ...]
    is_conditional: bool
    operands: tuple[str, ...]
    iterator: Iterator | None
    waits_for_all: bool
    upstream: frozenset[str]
    watched: frozenset[str]
    title: str = ""

    @property
    def raw(self) -> Raw:
        """The spec as it stands."""
        return self.place.raw


def read_task(name: str, place: Place) -> TaskSpec:
    """One task; `name` is its key."""
    if "/" in name:
        place.fail("a task's name must not contain '/'")
    title = display_name(place.sub("taskInfo").text("name") or "")
    inputs = place.sub("inputs")
    parameters, artifacts = read_parameters(inputs), read_artifacts(inputs)
    after = place.texts("dependentTasks")
    trigger = place.sub("triggerPolicy")
    condition = trigger.text("condition") or ""
    bound = (said.task for bindings in (parameters, artifacts) for said in bindings.values())
    return TaskSpec(
        name=name,
        place=place,
        component=place.required("componentRef").required_text("name"),
        parameters=parameters,
        artifacts=artifacts,
        after=tuple(sorted(set(after))),
        is_conditional=bool(condition),
        operands=tuple(sorted({match[1] or match[2] or "" for match in _OPERAND.finditer(condition)})),
        iterator=_read_iterator(place),
        waits_for_all=trigger.text("strategy") == WAITS_FOR_ALL,
        upstream=frozenset(after) | {task for task in bound if task is not None},
        watched=frozenset(said.origin.task for said in parameters.values() if isinstance(said.origin, FromStatus)),
        title="" if title == name else title,
    )


def display_name(text: str) -> str:
    """Return a name for people in one line: it goes to terminals, which obey control characters."""
    letters = (letter if letter.isprintable() else " " for letter in text[:_LONGEST_TITLE])
    return " ".join("".join(letters).split())


def _read_iterator(place: Place) -> Iterator | None:
    for key, source_key in (("parameterIterator", "inputParameter"), ("artifactIterator", "inputArtifact")):
        if place.has(key):
            iterator = place.required(key)
            items = iterator.required("items")
            source = items.text(source_key)
            if source is None and not (key == "parameterIterator" and items.has("raw")):
                items.fail(f"must say what the loop iterates over: {source_key}")
            return Iterator(
                item=iterator.required_text("itemInput"),
                source=source,
                count=_count(items) if source is None else None,
                is_artifact=key == "artifactIterator",
                text=items.required_text("raw") if source is None else "",
                parallelism=_parallelism(place.sub("iteratorPolicy")),
            )
    return None


def _parallelism(policy: Place) -> int:
    """Read `parallelismLimit`; protobuf's JSON writes whole numbers as numbers or as strings."""
    value = policy.value("parallelismLimit")
    if value is None:
        return 0
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        policy.fail(f"must be a whole number of at least 0, not {shown(value)}", "parallelismLimit")
    return value


def _count(items: Place) -> int:
    text = items.required_text("raw")
    values = as_list(text)
    if values is None:
        items.fail(f"must be a JSON list, not {shown(text)}", "raw")
    return len(values)


def as_list(text: str) -> list[Any] | None:
    """Return the JSON list that a text is; None where it is none."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, list) else None
