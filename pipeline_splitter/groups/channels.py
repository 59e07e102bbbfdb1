"""A unit's own inputs whose names matter: a condition's operands and a loop's items.

On a real backend an input is what it is bound to. kfp's local runner goes by the name instead, which kfp's compiler
makes of the maker's: `pipelinechannel--<task>-<output>`, or `pipelinechannel--<input>` for an input of the dag around.
So where the maker changes, the name follows; and where it is a constant now, the constant takes its place.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline_splitter.groups.crossing import ARTIFACTS, PARAMETERS
from pipeline_splitter.groups.nodes import Node
from pipeline_splitter.groups.units import CHANNEL, named_channels
from pipeline_splitter.kfp.pipeline import Raw

_PLAIN_TEXT = re.compile(r"[^'\\\n\r{}]*")


def renamed_channels(node: Node, task: Raw, components: Mapping[str, Raw]) -> dict[str, str]:
    """Old name -> new name, for a unit's inputs as `task` binds them now."""
    inputs = task.get("inputs") or {}
    named = named_channels(task, components)
    taken = {*node.parameters, *node.artifacts}
    renamed: dict[str, str] = {}
    for kind, bindings in ((PARAMETERS, node.parameters), (ARTIFACTS, node.artifacts)):
        for name, binding in sorted(bindings.items()):
            raw = (inputs.get(kind) or {}).get(name)
            if name in named and name.startswith(CHANNEL) and raw is not None and raw != binding.raw:
                new = _channel_of(raw)
                if new and new not in taken:
                    renamed[name] = new
                    taken.add(new)
    return renamed


def with_constants(node: Node, task: dict[str, Any]) -> dict[str, Any]:
    """The unit's task; a nested pipeline's constants stand in its condition and as its items."""
    parameters = (task.get("inputs") or {}).get(PARAMETERS) or {}
    constants = {
        name: raw["runtimeValue"]["constant"]
        for name, raw in parameters.items()
        if "constant" in raw.get("runtimeValue", {})
        and "parameterExpressionSelector" not in raw
        and raw != node.parameters[name].raw
    }
    policy = task.get("triggerPolicy") or {}
    if constants and policy.get("condition"):
        task = {**task, "triggerPolicy": {**policy, "condition": _with_literals(policy["condition"], constants)}}
    iterator = task.get("parameterIterator") or {}
    items = constants.get((iterator.get("items") or {}).get("inputParameter"))
    if isinstance(items, list) and "{{$" not in str(items):
        task = {**task, "parameterIterator": {**iterator, "items": {"raw": json.dumps(items, ensure_ascii=False)}}}
    return task


def _with_literals(condition: str, constants: Mapping[str, Any]) -> str:
    for name, value in constants.items():
        literal = _literal(value)
        if literal is not None:
            condition = condition.replace(f"inputs.parameter_values['{name}']", literal)
    return condition


def _literal(value: object) -> str | None:
    """Return a constant in the Common Expression Language; None where that takes more than a word."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(float(value)) if value >= 0 else f"({float(value)!r})"
    return f"'{value}'" if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value) else None


def _channel_of(raw: Raw) -> str | None:
    """Return the name that kfp gives a channel that is fed by this; None for a constant."""
    if (name := raw.get("componentInputParameter") or raw.get("componentInputArtifact")) is not None:
        return f"{CHANNEL}{name}"
    for kind, key in (("taskOutputParameter", "outputParameterKey"), ("taskOutputArtifact", "outputArtifactKey")):
        if (output := raw.get(kind)) is not None:
            return f"{CHANNEL}{output['producerTask']}-{output[key]}"
    return None
