"""What can't be run is refused when the pipeline is read, with its place."""

from typing import Any

import pytest

from moorage.errors import InputError
from pipeline_executor.engine.limits import DEEPEST, MOST_TASKS
from tests.pipeline_executor.engine.stories import WORK, Raw, container, document, program, task


def chain(length: int, uses: int = 1) -> Raw:
    """Pipelines within each other, each using the next as often."""
    components: Raw = {"comp-0": WORK}
    for index in range(1, length):
        inner = {f"t{each}": task(f"comp-{index - 1}") for each in range(uses)}
        components[f"comp-{index}"] = {"dag": {"tasks": inner}}
    return document({"a": task(f"comp-{length - 1}")}, components)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (document({"a#1": task()}), r"root\.dag\.tasks\.a#1: a task's name must not contain '#'"),
        (document({"a/b": task()}), "must not contain '/'"),
        (document({"a": task("comp-none")}), "'comp-none' is not among the components"),
        (document({"a": task("comp-work", "b")}), "'b', which is not a task beside it"),
        (document({"a": task("comp-work", "b"), "b": task("comp-work", "a")}), "wait for each other in a cycle"),
        (document({"a": task()}, {"comp-work": {"dag": {"tasks": {"x": task()}}}}), "'comp-work' contains itself"),
        (document({"a": task()}, executors={"exec-other": container()}), "'exec-work' is not among deploymentSpec"),
        (document({"a": task()}, executors={"exec-work": {"customJob": {}}}), "must have a container or an importer"),
        (document({"a": task()}, executors={"exec-work": container(lifecycle={"preCacheCheck": {"command": ["x"]}})}),
         r"exec-work\.container\.lifecycle: can't be run here"),
        (document({"a": task()}, executors={"exec-work": container(args=['{"Concat": 1}'])}), r"args\[0\]: holds a"),
        (document({"a": task()}, executors={"exec-work": container(resources={"resourceCpuLimit": [1]})}),
         "resourceCpuLimit: must be a quantity, not a list"),
        (document({"a": task(triggerPolicy={"condition": "a + 1"})}), r"triggerPolicy\.condition: can't be read"),
        (document({"a": task(triggerPolicy={"strategy": "SOMETIMES"})}), "strategy: 'SOMETIMES' is not known here"),
        (document({"a": task(retryPolicy={"maxRetryCount": -1})}), "maxRetryCount: must be a whole number"),
        (document({"a": task(retryPolicy={"backoffDuration": "1 hour"})}), "backoffDuration: must be a duration"),
        (document({"a": task(retryPolicy={"backoffFactor": "2"})}), "backoffFactor: must be a number"),
        (document({"a": task(inputs={"parameters": {"x": {
            "componentInputParameter": "y", "parameterExpressionSelector": "system('x')"}}})}),
         "parameterExpressionSelector: calls system"),
        (document({"a": task()}, outputs={"parameters": {"x": {
            "valueFromParameter": {"producerSubtask": "a", "outputParameterKey": "none"}}}}),
         "root.dag.outputs: 'x' is 'none' of 'a', which has none"),
        (chain(DEEPEST + 2), "nested deeper than 32 pipelines"),
        (chain(20, uses=2), f"more than {MOST_TASKS} tasks, those of nested pipelines included"),
    ],
)  # fmt: skip
def test_refusals(spec: Raw, problem: str) -> None:
    """With the place and a sentence."""
    with pytest.raises(InputError, match=problem):
        program(spec)


def test_importers_that_can_not_be_run() -> None:
    """Without a URI, or into a workspace."""
    for importer, problem in [
        ({"artifactUri": {}}, "artifactUri: must have one of constant and runtimeParameter"),
        ({"artifactUri": {"constant": "s3://b/x"}, "downloadToWorkspace": True}, "downloadToWorkspace: can't be run"),
    ]:
        with pytest.raises(InputError, match=problem):
            program(document({"a": task()}, executors={"exec-work": {"importer": importer}}))


def test_the_deepest_and_the_largest_that_are_read() -> None:
    """At the limits; empty pipelines within each other count, too."""
    assert program(chain(DEEPEST)).root.height == DEEPEST
    assert program(chain(13, uses=2)).root.leaves == 2**12
    empty: Raw = chain(20, uses=2)
    empty["components"]["comp-0"] = {"dag": {"tasks": {}}}
    with pytest.raises(InputError, match="more than"):
        program(empty)


def test_schema_2_0_is_read() -> None:
    """Its types and its wrapped values."""
    old: Any = document(
        {"a": task(inputs={"parameters": {"n": {"runtimeValue": {"constantValue": {"intValue": "7"}}}}})},
        {"comp-work": {**WORK, "inputDefinitions": {"parameters": {"n": {"type": "INT"}, "s": {"type": "STRING"}}}}},
    )
    old["schemaVersion"] = "2.0.0"
    job = {"pipelineSpec": old, "runtimeConfig": {"parameters": {"x": {"stringValue": "y"}}}}
    read = program(job)
    assert read.root.tasks[0].signature.parameters["n"].kind == "NUMBER_INTEGER"
    assert read.defaults == {"x": "y"}
