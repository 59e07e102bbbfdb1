"""Schema 2.0 as 2.1: what today's SDK loads. What is 2.1 already is not touched.

What differs: `type` of a parameter, constants wrapped by their type, and how a condition names its operands. What stood
beside a wrapped `pipelineSpec` (`runtimeConfig`: values of the pipeline's inputs, its root) becomes defaults.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline_splitter.kfp.pipeline import KfpPipeline, Raw
from pipeline_splitter.kfp.spec import unwrap_value

SCHEMA_VERSION = "2.1.0"
_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}
_OPERAND = re.compile(r"inputs\.parameters\[('[^']*'|\"[^\"]*\")\]\.(string|int|double)_value")


def modern_spec(pipeline: KfpPipeline) -> dict[str, Any]:
    """Return the pipeline spec in schema 2.1.0, with the values given beside it as defaults."""
    spec = dict(pipeline.spec)
    if is_old(pipeline):
        spec["components"] = {name: _component(raw) for name, raw in pipeline.components.items()}
        spec["root"] = _component(pipeline.root)
        deployment = spec.get("deploymentSpec") or {}
        executors = {name: _executor(raw) for name, raw in pipeline.executors.items()}
        spec["deploymentSpec"] = {**deployment, "executors": executors}
        spec["schemaVersion"] = SCHEMA_VERSION
    if pipeline.runtime_config:
        _take_runtime_config(spec, pipeline.runtime_config)
    return spec


def is_old(pipeline: KfpPipeline) -> bool:
    """Return whether it is of schema 2.0."""
    return pipeline.schema_version.startswith("2.0")


def modern_task(raw: Raw) -> dict[str, Any]:
    """Return a task spec of schema 2.0 in schema 2.1."""
    task = dict(raw)
    if isinstance(policy := task.get("triggerPolicy"), Mapping) and policy.get("condition"):
        task["triggerPolicy"] = {**policy, "condition": _OPERAND.sub(_operand, policy["condition"])}
    inputs = task.get("inputs") or {}
    if parameters := inputs.get("parameters"):
        bindings = {name: _binding(binding) for name, binding in parameters.items()}
        task["inputs"] = {**inputs, "parameters": bindings}
    return task


def _operand(match: re.Match[str]) -> str:
    value = f"inputs.parameter_values[{match[1]}]"
    return f"int({value})" if match[2] == "int" else value


def _component(raw: Raw) -> dict[str, Any]:
    component = dict(raw)
    for side in ("inputDefinitions", "outputDefinitions"):
        definitions = component.get(side) or {}
        if parameters := definitions.get("parameters"):
            typed = {name: _definition(definition) for name, definition in parameters.items()}
            component[side] = {**definitions, "parameters": typed}
    if isinstance(dag := component.get("dag"), Mapping):
        tasks = {name: modern_task(task) for name, task in (dag.get("tasks") or {}).items()}
        component["dag"] = {**dag, "tasks": tasks}
    return component


def _definition(raw: Raw) -> dict[str, Any]:
    definition = {key: value for key, value in raw.items() if key != "type"}
    if "type" in raw and "parameterType" not in raw:
        definition["parameterType"] = _TYPES.get(raw["type"], raw["type"])
    return definition


def _binding(raw: Raw) -> Raw:
    value = raw.get("runtimeValue")
    return {**raw, "runtimeValue": _runtime_value(value)} if isinstance(value, Mapping) else raw


def _executor(raw: Raw) -> Raw:
    importer = raw.get("importer")
    if not isinstance(importer, Mapping) or not isinstance(importer.get("artifactUri"), Mapping):
        return raw
    return {**raw, "importer": {**importer, "artifactUri": _runtime_value(importer["artifactUri"])}}


def _runtime_value(raw: Raw) -> Raw:
    if "constantValue" not in raw:
        return raw
    return {"constant": unwrap_value(raw["constantValue"])}


def _take_runtime_config(spec: dict[str, Any], config: Raw) -> None:
    values = config.get("parameterValues") or config.get("parameters") or {}
    root = dict(spec["root"])
    definitions = dict(root.get("inputDefinitions") or {})
    parameters = dict(definitions.get("parameters") or {})
    for name, value in values.items():
        definition = parameters.get(name)
        if definition is not None and definition.get("defaultValue") is None:
            parameters[name] = {**definition, "defaultValue": unwrap_value(value), "isOptional": True}
    if parameters:
        spec["root"] = {**root, "inputDefinitions": {**definitions, "parameters": parameters}}
    if config.get("gcsOutputDirectory") and not spec.get("defaultPipelineRoot"):
        spec["defaultPipelineRoot"] = config["gcsOutputDirectory"]
