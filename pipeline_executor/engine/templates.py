"""Texts with placeholders, `{{$...}}`: parsed once, filled in for each attempt.

One pass: what a value holds is never looked at again, so a tenant's value can't bring placeholders of its own. What
looks like a placeholder and names nothing that is known stays as it is, as in Kubeflow: a component's source code
stands in its arguments.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pipeline_executor.engine.paths import OUTPUT_FILE, WORKSPACE_PATH, local_path
from pipeline_executor.engine.values import json_text, text_of

_PLACEHOLDER: Final = re.compile(r"\{\{\$(?:\.([^{}]+))?\}\}")
_QUOTED: Final = r"\[\s*(?:'{1,2}([^'\]]+)'{1,2}|\"([^\"\]]+)\")\s*\]"
_SLOT: Final = re.compile(rf"(inputs|outputs)\.(parameters|artifacts){_QUOTED}(?:\.([a-z_]+)(?:{_QUOTED}|\.(\w+))?)?")
_OUTPUT_FILES: Final = frozenset({"outputs.output_file", "outputMetadataUri"})
_WORKSPACE: Final = "workspace_path"
_FACTS: Final = frozenset(
    {
        "pipeline_job_name",
        "pipeline_job_resource_name",
        "pipeline_job_uuid",
        "pipeline_task_name",
        "pipeline_task_uuid",
        "pipeline_root",
        "pipeline_job_create_time_utc",
        "pipeline_job_schedule_time_utc",
    }
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder in a template.

    Attributes:
        side: `inputs` or `outputs`; else the whole of what it names: a fact, `$` or the output file.
        kind: `parameters` or `artifacts`.
        part: `uri`, `path`, `metadata`, `output_file`; "" for the whole.
        key: of metadata.
    """

    text: str
    side: str
    kind: str = ""
    name: str = ""
    part: str = ""
    key: str = ""


Template: TypeAlias = tuple[str | Slot, ...]
"""Texts and placeholders in turn; without placeholders one text."""


@dataclass(frozen=True, slots=True)
class Filling:
    """The values that placeholders are filled in with.

    Attributes:
        facts: of run and task, by name.
        parameters: input parameters that have a value.
        declared: names of input parameters, those without a value included.
        executor_input: as the container gets it; None while inputs are still being resolved.
    """

    facts: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    executor_input: Mapping[str, Any] | None = None


def read_template(text: str) -> Template:
    """Parse a text with placeholders."""
    if "{{$" not in text:
        return (text,)
    parts: list[str | Slot] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        slot = _read_slot(match[0], match[1])
        if slot is not None:
            parts += [text[end : match.start()], slot]
            end = match.end()
    return (*parts, text[end:])


def _read_slot(text: str, inner: str | None) -> Slot | None:
    if inner is None:
        return Slot(text, "$")
    if inner in _OUTPUT_FILES:
        return Slot(text, "output_file")
    if inner == _WORKSPACE or inner in _FACTS:
        return Slot(text, inner)
    match = _SLOT.fullmatch(inner)
    if match is None:
        return None
    name, key = match[3] or match[4], match[6] or match[7] or match[8] or ""
    return Slot(text, match[1], match[2], name, match[5] or "", key)


def slots_of(template: Template) -> tuple[Slot, ...]:
    """Return the placeholders of a template."""
    return tuple(part for part in template if isinstance(part, Slot))


def uses_workspace(template: Template) -> bool:
    """Return whether the template mentions the run's workspace."""
    return any(slot.side == _WORKSPACE for slot in slots_of(template))


def fill(template: Template, filling: Filling) -> str:
    """Fill in a template.

    Raises:
        ValueError: a placeholder names an input without a value, or metadata that are not there.
    """
    if len(template) == 1 and isinstance(template[0], str):
        return template[0]
    return "".join(part if isinstance(part, str) else _value(part, filling) for part in template)


def _value(slot: Slot, filling: Filling) -> str:
    if slot.side == _WORKSPACE:
        return WORKSPACE_PATH
    if slot.side == "inputs" and slot.kind == "parameters":
        return _parameter(slot, filling)
    if slot.side in {"inputs", "outputs"}:
        return slot.text if filling.executor_input is None else _from_input(slot, filling.executor_input)
    if slot.side == "$":
        return slot.text if filling.executor_input is None else json_text(filling.executor_input)
    if slot.side == "output_file":
        return OUTPUT_FILE
    return filling.facts.get(slot.side, slot.text)


def _parameter(slot: Slot, filling: Filling) -> str:
    if slot.name in filling.parameters:
        return text_of(filling.parameters[slot.name])
    if slot.name in filling.declared:
        raise ValueError(
            f"{slot.text} names an input that has no value: give it one, or ask for it by dsl.IfPresentPlaceholder"
        )
    return slot.text


def _from_input(slot: Slot, executor_input: Mapping[str, Any]) -> str:
    found = executor_input[slot.side].get(slot.kind, {}).get(slot.name)
    if found is None:
        return slot.text
    if slot.kind == "parameters":
        return str(found["outputFile"]) if slot.part == "output_file" else slot.text
    if not found["artifacts"]:
        raise ValueError(f"{slot.text} names an empty list of artifacts")
    artifact = found["artifacts"][0]
    return _of_artifact(slot, artifact)


def _of_artifact(slot: Slot, artifact: Mapping[str, Any]) -> str:
    match slot.part:
        case "uri":
            return str(artifact["uri"])
        case "path":
            return local_path(artifact["uri"]) or str(artifact["uri"])
        case "metadata":
            return _metadata(slot, artifact["metadata"])
        case "":
            return json_text(artifact)
    return slot.text


def _metadata(slot: Slot, metadata: Mapping[str, Any]) -> str:
    if not slot.key:
        return json_text(metadata)
    if slot.key not in metadata:
        raise ValueError(f"{slot.text} names metadata that the artifact does not have")
    return text_of(metadata[slot.key])


@dataclass(frozen=True, slots=True)
class Concat:
    """Several items, written as one."""

    items: "tuple[Item, ...]"


@dataclass(frozen=True, slots=True)
class IfPresent:
    """Items that stand there only where an input has a value, or where it has none."""

    name: str
    then: "tuple[Item, ...]"
    otherwise: "tuple[Item, ...]"


Item: TypeAlias = Template | Concat | IfPresent
"""One entry of a command or of arguments, before it is filled in."""

_STRUCTURED: Final = re.compile(r'\{\s*"(?:Concat|IfPresent)"\s*:')
_DEEPEST: Final = 32


def read_item(text: str) -> Item:
    """Read one entry of a command or of arguments.

    Raises:
        ValueError: it is a Concat or IfPresent placeholder that is not well-formed.
    """
    if not _STRUCTURED.match(text):
        return read_template(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # A JSON text of another kind that happens to begin so would have parsed.
        raise ValueError("begins like a placeholder of Concat or IfPresent, but is no JSON") from None
    return _read_structure(value, 0)


def _read_structure(value: Any, depth: int) -> Item:  # noqa: ANN401 - raw JSON
    if depth > _DEEPEST:
        raise ValueError(f"is nested deeper than {_DEEPEST} placeholders")
    match value:
        case str():
            return read_template(value)
        case {"Concat": list(items)}:
            return Concat(tuple(_read_structure(item, depth + 1) for item in items))
        case {"IfPresent": {"InputName": str(name), "Then": then, **rest}}:
            return IfPresent(name, _read_branch(then, depth), _read_branch(rest.get("Else"), depth))
    raise ValueError("holds a placeholder that is neither a text, nor Concat, nor IfPresent with InputName and Then")


def _read_branch(value: Any, depth: int) -> tuple[Item, ...]:  # noqa: ANN401
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    return tuple(_read_structure(item, depth + 1) for item in items)


def fill_item(item: Item, filling: Filling) -> list[str]:
    """Return the entries that it becomes: none, one or several.

    Raises:
        ValueError: as `fill`.
    """
    match item:
        case Concat(items):
            return ["".join(text for each in items for text in fill_item(each, filling))]
        case IfPresent(name, then, otherwise):
            chosen = then if _is_present(name, filling) else otherwise
            return [text for each in chosen for text in fill_item(each, filling)]
    return [fill(item, filling)]


def _is_present(name: str, filling: Filling) -> bool:
    if name in filling.parameters:
        return True
    given = filling.executor_input["inputs"].get("artifacts", {}) if filling.executor_input is not None else {}
    return name in given


def items_workspace(item: Item) -> bool:
    """Return whether an entry mentions the run's workspace."""
    match item:
        case Concat(items):
            return any(map(items_workspace, items))
        case IfPresent(_, then, otherwise):
            return any(map(items_workspace, (*then, *otherwise)))
    return uses_workspace(item)


def fill_deeply(value: Any, filling: Filling) -> Any:  # noqa: ANN401
    """Fill in a JSON value whose texts, at any depth, may hold placeholders. Values from a file are never deep.

    Raises:
        ValueError: as `fill`.
    """
    if isinstance(value, str):
        return fill(read_template(value), filling) if "{{$" in value else value
    if isinstance(value, list):
        return [fill_deeply(item, filling) for item in value]
    if isinstance(value, dict):
        return {key: fill_deeply(item, filling) for key, item in value.items()}
    return value
