"""A unit moves as a whole; what changes inside of it is where its inputs come from.

- Channels. kfp names what comes into a unit after where it was made, as `pipelinechannel--flip-coin-Output`, and its
  own local runner finds a condition's operands and a loop's items by that name. Where the maker is no longer a task of
  that name in the unit's dag, the channel is renamed after what feeds it now, all the way down.
- Released inputs. Where a container inside takes an inserted release and others take the original, the released form
  comes in through a channel of its own; a channel that nobody reads any more is left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_splitter.kfp.pipeline import Raw

CHANNEL = "pipelinechannel--"
DATASET_TYPE = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
Use = tuple[str, str]
"""(path of a step, its input)."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The changes inside one unit.

    Attributes:
        channels: old name -> new name.
        released: (path of a container, its input) -> the new channel that it reads.
    """

    channels: Mapping[str, str] = field(default_factory=dict)
    released: Mapping[Use, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.channels or self.released)

    def dag(self, component: Raw, path: str, components: Mapping[str, Raw]) -> Raw:
        """Return a dag at `path` in the unit, with the edit applied to it (not to what its tasks run)."""
        if self.released:
            component = self._released_dag(component, path, components)
        return self.renamed(component) if self.channels else component

    def renamed(self, value: Any) -> Any:  # noqa: ANN401 - raw JSON
        """Return a raw value with the channels' new names in all its texts and keys."""
        pattern = _pattern(self.channels)
        return _replaced(value, pattern, self.channels) if pattern else value

    def configuration(self, configuration: Raw) -> Raw:
        """Return a platform configuration inside of the unit: what it refers to has new names."""
        if not self.channels:
            return configuration
        replaced: Raw = _with_references(configuration, self.channels)
        return replaced

    def _released_dag(self, component: Raw, path: str, components: Mapping[str, Raw]) -> Raw:
        channels = {channel for (step, _), channel in self.released.items() if step.startswith(f"{path}/")}
        if not channels:
            return component
        definitions = component.get("inputDefinitions") or {}
        artifacts = {
            name: definition
            for name, definition in (definitions.get("artifacts") or {}).items()
            if not self._is_left(uses(component, name, path, components))
        }
        artifacts |= {channel: {"artifactType": DATASET_TYPE} for channel in channels}
        tasks = {
            name: self._released_task(task, f"{path}/{name}", components)
            for name, task in component["dag"]["tasks"].items()
        }
        return {
            **component,
            "inputDefinitions": {**definitions, "artifacts": artifacts},
            "dag": {**component["dag"], "tasks": tasks},
        }

    def _released_task(self, task: Raw, path: str, components: Mapping[str, Raw]) -> dict[str, Any]:
        """Edit a task whose container reads released forms, or inside of which one does."""
        component = components[task["componentRef"]["name"]]
        inputs = task.get("inputs") or {}
        artifacts: dict[str, Any] = {}
        for name, binding in (inputs.get("artifacts") or {}).items():
            if (channel := self.released.get((path, name))) is not None:
                artifacts[name] = {"componentInputArtifact": channel}
            elif not ("dag" in component and self._is_left(list(uses(component, name, path, components)))):
                artifacts[name] = binding
        for (step, _), channel in self.released.items():
            if step.startswith(f"{path}/"):
                artifacts[channel] = {"componentInputArtifact": channel}
        kept = {key: value for key, value in inputs.items() if key != "artifacts"}
        return {**task, "inputs": {**kept, **({"artifacts": artifacts} if artifacts else {})}}

    def _is_left(self, found: "Iterator[Use] | list[Use]") -> bool:
        """Return whether all readers of a channel read a released form instead."""
        every = list(found)
        return bool(every) and all(use in self.released for use in every)


def uses(component: Raw, name: str, path: str, components: Mapping[str, Raw]) -> Iterator[Use]:
    """Yield all readers of an artifact input of a component with a dag: containers' inputs, `""` for a loop's items."""
    for child, task in (component["dag"].get("tasks") or {}).items():
        child_path = f"{path}/{child}"
        inner = components[task["componentRef"]["name"]]
        for input_name, binding in ((task.get("inputs") or {}).get("artifacts") or {}).items():
            if binding.get("componentInputArtifact") != name:
                continue
            items = ((task.get("artifactIterator") or {}).get("items") or {}).get("inputArtifact")
            if items == input_name:
                yield child_path, ""
            if "dag" in inner:
                yield from uses(inner, input_name, child_path, components)
            else:
                yield child_path, input_name


def named_channels(task: Raw, components: Mapping[str, Raw]) -> set[str]:
    """Channels whose names matter: operands of conditions and items of loops, in a unit's task or inside of it."""
    found: set[str] = set()
    condition = (task.get("triggerPolicy") or {}).get("condition") or ""
    found.update(re.findall(r"inputs\.parameter_values\['([^']+)'\]", condition))
    items = ((task.get("parameterIterator") or {}).get("items") or {}).get("inputParameter")
    if items:
        found.add(items)
    component = components[task["componentRef"]["name"]]
    for child in ((component.get("dag") or {}).get("tasks") or {}).values():
        found |= named_channels(child, components)
    return found


def _pattern(channels: Mapping[str, str]) -> re.Pattern[str] | None:
    """Finds a channel's name, also where `-loop-item...` is behind it, but not inside of a longer name."""
    if not channels:
        return None
    names = "|".join(re.escape(name) for name in sorted(channels, key=lambda name: (-len(name), name)))
    return re.compile(rf"(?<![\w-])(?:{names})(?=-loop-item|(?![\w-]))")


def _replaced(value: Any, pattern: re.Pattern[str], channels: Mapping[str, str]) -> Any:  # noqa: ANN401 - raw JSON
    if isinstance(value, str):
        return pattern.sub(lambda match: channels[match[0]], value) if CHANNEL in value else value
    if isinstance(value, list):
        return [_replaced(item, pattern, channels) for item in value]
    if isinstance(value, Mapping):
        return {_replaced(key, pattern, channels): _replaced(item, pattern, channels) for key, item in value.items()}
    return value


def _with_references(value: Any, channels: Mapping[str, str]) -> Any:  # noqa: ANN401 - raw JSON
    if isinstance(value, list):
        return [_with_references(item, channels) for item in value]
    if isinstance(value, Mapping):
        return {
            key: channels.get(item, item)
            if key == "componentInputParameter" and isinstance(item, str)
            else _with_references(item, channels)
            for key, item in value.items()
        }
    return value
