"""Compiled pipelines in all shapes, made by hypothesis: dags in dags, loops, conditions, retries, exit handlers.

All leaves run one component: `work` takes a number and a list, both optional, and gives a number. So any output can be
any input: a loop's is a list, everything else's a number.
"""

from typing import Any

from hypothesis import strategies as st

Raw = dict[str, Any]
_SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text()
JSON = st.recursive(
    _SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
"""Any value of a parameter."""
NUMBER, LIST = "a", "xs"
_INPUTS: Raw = {
    "parameters": {
        NUMBER: {"parameterType": "NUMBER_INTEGER", "isOptional": True, "defaultValue": 1.0},
        LIST: {"parameterType": "LIST", "isOptional": True},
    }
}


def _definitions(kind: str) -> Raw:
    return {"inputDefinitions": _INPUTS, "outputDefinitions": {"parameters": {"Output": {"parameterType": kind}}}}


@st.composite
def pipelines(draw: st.DrawFn) -> Raw:
    """One pipeline, as a parsed document."""
    components: Raw = {"comp-work": {"executorLabel": "exec-work", **_definitions("NUMBER_INTEGER")}}
    root = draw(_dags(components, depth=0))
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "made"},
        "root": {"dag": root, **_definitions("NUMBER_INTEGER")},
        "components": components,
        "deploymentSpec": {
            "executors": {
                "exec-work": {"container": {"image": "work", "command": ["work"], "args": ["--input", "{{$}}"]}}
            }
        },
    }


@st.composite
def _dags(draw: st.DrawFn, components: Raw, depth: int) -> Raw:
    tasks: Raw = {}
    is_list: dict[str, bool] = {}
    for index in range(draw(st.integers(1, 4 if depth < 2 else 2))):
        name = f"t{index}"
        inner = draw(st.sampled_from(["work", "work", "work", "dag", "loop", "condition"])) if depth < 3 else "work"
        tasks[name] = draw(_tasks(components, depth, is_list, inner))
        is_list[name] = "parameterIterator" in tasks[name]
    numbers = sorted(name for name in tasks if not is_list[name])
    if not numbers:
        tasks["t9"] = {"componentRef": {"name": "comp-work"}, "inputs": {"parameters": {}}}
    out = draw(st.sampled_from(numbers or ["t9"]))
    given = {"valueFromParameter": {"producerSubtask": out, "outputParameterKey": "Output"}}
    return {"tasks": tasks, "outputs": {"parameters": {"Output": given}}}


@st.composite
def _tasks(draw: st.DrawFn, components: Raw, depth: int, earlier: dict[str, bool], kind: str) -> Raw:
    task: Raw = {"componentRef": {"name": "comp-work"}, "inputs": {"parameters": draw(_bindings(depth, earlier))}}
    if earlier:
        task["dependentTasks"] = draw(st.lists(st.sampled_from(sorted(earlier)), max_size=2, unique=True))
        if draw(st.integers(0, 4)) == 0:
            task["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    if kind == "work":
        if draw(st.booleans()):
            retry = {"maxRetryCount": draw(st.integers(0, 2)), "backoffDuration": f"{draw(st.integers(0, 5))}s"}
            task["retryPolicy"] = retry
        if draw(st.integers(0, 5)):
            return task
    else:
        name = f"comp-{len(components)}"
        components[name] = {}
        dag = draw(_dags(components, depth + 1))
        components[name] = {"dag": dag, **_definitions("LIST" if kind == "loop" else "NUMBER_INTEGER")}
        task["componentRef"] = {"name": name}
    if kind == "condition" or (kind == "work" and draw(st.booleans())):
        condition = f"int(inputs.parameter_values['{NUMBER}']) {draw(st.sampled_from(['<', '>=', '!=']))} 4"
        task.setdefault("triggerPolicy", {})["condition"] = condition
    elif kind in {"loop", "work"}:
        task["inputs"]["parameters"].pop(NUMBER, None)
        items = draw(st.lists(st.integers(0, 9), max_size=4))
        task["parameterIterator"] = {"itemInput": NUMBER, "items": {"raw": str(items)}}
        task["iteratorPolicy"] = {"parallelismLimit": draw(st.integers(0, 2))}
    return task


@st.composite
def _bindings(draw: st.DrawFn, depth: int, earlier: dict[str, bool]) -> Raw:
    found: Raw = {}
    for name, wants_list in ((NUMBER, False), (LIST, True)):
        producers = sorted(each for each, is_list in earlier.items() if is_list == wants_list)
        kinds = ["none", "given"] if depth else ["none"]
        kinds += ["constant"] + (["task", "task"] if producers else [])
        match draw(st.sampled_from(kinds)):
            case "constant":
                value = draw(st.lists(st.integers(0, 9), max_size=2) if wants_list else st.integers(0, 9))
                found[name] = {"runtimeValue": {"constant": value}}
            case "given":
                found[name] = {"componentInputParameter": name}
            case "task":
                producer = draw(st.sampled_from(producers))
                found[name] = {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": "Output"}}
    return found
