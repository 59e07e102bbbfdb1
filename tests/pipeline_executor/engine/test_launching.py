"""What a launch holds: the executor's input, paths, resources, what it may and may not be."""

import json
import re
from typing import Any

import pytest

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Artifact, ArtifactInput, Attempt, Launch, LaunchKind, Outputs, Resources
from pipeline_executor.engine.paths import local_path, output_uri
from tests.pipeline_executor.engine.stories import JOB, Raw, container, document, ended, now, only_launch, program, task

DATASET = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
FULL: Raw = {
    "executorLabel": "exec-work",
    "inputDefinitions": {
        "parameters": {
            "number": {"parameterType": "NUMBER_INTEGER"},
            "text": {"parameterType": "STRING", "isOptional": True, "defaultValue": "of {{$.pipeline_job_uuid}}"},
            "absent": {"parameterType": "STRUCT", "isOptional": True},
        },
        "artifacts": {
            "data": {"artifactType": DATASET},
            "many": {"artifactType": DATASET, "isArtifactList": True, "isOptional": True},
        },
    },
    "outputDefinitions": {
        "parameters": {"sum": {"parameterType": "NUMBER_DOUBLE"}},
        "artifacts": {"model/x": {"artifactType": {"schemaTitle": "system.Model"}}},
    },
}
DATA = Artifact("out", DATASET, "s3://bucket/a/b", {"rows": 2})
MADE = (Attempt(1, TaskPhase.SUCCEEDED, Outputs(artifacts={"out": (DATA,)})),)
MAKER: Raw = {
    "executorLabel": "exec-maker",
    "outputDefinitions": {"artifacts": {"out": {"artifactType": DATASET}}},
}


def constant(value: Any) -> Raw:  # noqa: ANN401 - any JSON
    """A binding."""
    return {"runtimeValue": {"constant": value}}


def full(**fields: Any) -> Raw:  # noqa: ANN401 - raw JSON
    """A task with everything, after one that makes its data."""
    inputs = {
        "parameters": {"number": constant(3.0)},
        "artifacts": {"data": {"taskOutputArtifact": {"producerTask": "maker", "outputArtifactKey": "out"}}},
    }
    executors = {"exec-work": container(**fields), "exec-maker": container()}
    return document(
        {"maker": task("comp-maker"), "work": task("comp-full", inputs=inputs)},
        {"comp-full": FULL, "comp-maker": MAKER},
        executors,
    )


def launched(**fields: Any) -> Launch:  # noqa: ANN401 - raw JSON
    """That task's launch."""
    said = now(program(full(**fields)), {"maker": MADE})
    assert [launch.path for launch in said.launches] == ["work"], said
    return said.launches[0]


def test_the_executor_input_is_as_kubeflow_makes_it() -> None:
    """Inputs with defaults, artifacts with type and metadata, outputs with their places."""
    launch = launched(args=["{{$}}"], command=["run"])
    uri = "s3://bucket/runs/default/run/uid/data/work/1/model_x-" + output_uri("", "", 1, "model/x").rpartition("-")[2]
    assert launch.executor_input == {
        "inputs": {
            "parameterValues": {"number": 3, "text": "of uid"},
            "artifacts": {
                "data": {
                    "artifacts": [{"name": "out", "type": DATASET, "uri": "s3://bucket/a/b", "metadata": {"rows": 2}}]
                }
            },
        },
        "outputs": {
            "outputFile": "/moorage/outputs/executor_output.json",
            "parameters": {"sum": {"outputFile": "/moorage/outputs/parameters/sum"}},
            "artifacts": {
                "model/x": {
                    "artifacts": [
                        {"name": "model/x", "type": {"schemaTitle": "system.Model"}, "uri": uri, "metadata": {}}
                    ]
                }
            },
        },
    }
    assert json.loads(launch.args[0]) == launch.executor_input
    assert launch.command == ("run",)
    (given,) = launch.inputs
    assert given == ArtifactInput("data", 0, DATA, "/s3/bucket/a/b")
    (model,) = launch.output_artifacts
    assert (model.uri, model.local_path) == (uri, "/s3" + uri.removeprefix("s3:/"))


def test_outputs_of_no_two_tasks_or_attempts_share_a_place() -> None:
    """Whatever they are called."""
    names = ["a", "a/b", "a_b", "a#1", "a_1", "a/b#1", "..", "a b"]
    uris = {output_uri("s3://b/r/", path, attempt, out) for path in names for attempt in (1, 2) for out in names}
    assert len(uris) == 2 * len(names) ** 2
    assert all(uri.startswith("s3://b/r/data/") and "/../" not in uri for uri in uris)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("minio://bucket/a", "/minio/bucket/a"),
        ("https://host/a", None),
        ("/data/a", None),
    ],
)
def test_local_paths_are_those_of_the_sdk(uri: str, path: str | None) -> None:
    """So that Artifact.path works unchanged."""
    from kfp import dsl  # noqa: PLC0415 - slow

    assert local_path(uri) == path
    if path is not None:
        assert dsl.Artifact(uri=uri).path == path


def test_no_local_path_leads_out() -> None:
    """A URI is a tenant's."""
    with pytest.raises(ValueError, match=r"has '\.\.' in it"):
        local_path("s3://bucket/../../etc/passwd")


def test_resources_are_quantities() -> None:
    """In both spellings, the newer first; accelerators among the limits; a capital K is Kubernetes' k."""
    resources = {
        "cpuLimit": 2.0,
        "cpuRequest": 1.5,
        "resourceCpuRequest": "{{$.inputs.parameters['number']}}",
        "memoryLimit": 4.0,
        "resourceMemoryRequest": "500K",
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "{{$.inputs.parameters['number']}}"},
    }
    launch = launched(resources=resources, image="repo:{{$.inputs.parameters['number']}}")
    limits = {"cpu": "2", "memory": "4G", "nvidia.com/gpu": "3"}
    assert launch.resources == Resources({"cpu": "3", "memory": "500k"}, limits)
    assert launch.image == "repo:3"


def test_environment_and_workspace() -> None:
    """Placeholders in both."""
    env = [{"name": "TASK", "value": "{{$.pipeline_task_name}}@{{$.pipeline_job_create_time_utc}}"}]
    launch = launched(env=env, args=["{{$.workspace_path}}/x"])
    assert launch.env == {"TASK": f"work@{JOB.create_time}"}
    assert (launch.args, launch.workspace) == (("/kfp-workspace/x",), True)
    assert not launched().workspace


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"resources": {"resourceCpuLimit": "much"}}, "task work: container: it asks for cpu: .*much"),
        ({"args": ["{{$.inputs.parameters['absent']}}"]}, "names an input that has no value"),
        ({"args": ["x" * 131_072]}, "an argument of 131072 bytes is longer than Linux passes"),
        ({"args": ["x" * 130_000] * 8}, "its arguments take 1040.* bytes, more than 1000000"),
    ],
)
def test_what_can_not_be_launched_fails_its_task(fields: Raw, problem: str) -> None:
    """With a sentence; nothing is launched."""
    said = now(program(full(**fields)), {"maker": MADE})
    assert (said.phase, said.launches) == (TaskPhase.FAILED, ())
    assert re.search(problem, said.messages["work"])


def test_a_required_input_that_nobody_gave() -> None:
    """Names the task and the output."""
    said = now(program(full()), {"maker": ended()})
    assert said.message == ("task work: input data: is required, and task maker, which has Succeeded, did not give out")


def test_large_values_are_artifacts() -> None:
    """A list of a million numbers is not written into a pod, nor is the time taken to write it."""
    slots = {"parameters": {"xs": {"parameterType": "LIST"}}}
    inputs = {"parameters": {"xs": {"componentInputParameter": "xs"}}}
    component = {"executorLabel": "exec-work", "inputDefinitions": slots}
    read = program(document({"a": task("c", inputs=inputs)}, {"c": component}, inputs=slots))
    said = now(read, xs=list(range(1_000_000)))
    assert said.message == (
        "task a: container: its inputs take more than 1000000 bytes: hand over large values as artifacts"
    )


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("argostub/createpvc", LaunchKind.CREATE_CLAIM),
        ("registry/argostub/deletepvc:1", LaunchKind.DELETE_CLAIM),
        ("argostub/createpvcs", LaunchKind.CONTAINER),
    ],
)
def test_claims(image: str, kind: LaunchKind) -> None:
    """Kubeflow's images that no registry has."""
    assert only_launch(document({"a": task()}, executors={"exec-work": container(image=image)})).kind is kind
