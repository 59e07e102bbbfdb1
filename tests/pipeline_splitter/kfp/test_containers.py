"""What a container asks of a node, its digest, its labels and its platform configuration."""

import hashlib
import json

import pytest

from moorage.errors import InputError
from moorage.model import DatasetRef, DatasetUse, UseAs
from pipeline_splitter.graph import ParameterEdge
from pipeline_splitter.hints import Defaults, Hints, TaskHint
from pipeline_splitter.kfp.pipeline import Constant, PipelineInput, TaskOutput
from tests.pipeline_splitter.kfp.ir import (
    Raw,
    artifact_of,
    constant,
    container,
    dag,
    from_input,
    from_task,
    group,
    importer,
    leaf,
    platform,
    pod,
    read,
    spec,
    step,
    task,
)

MAKE = leaf("exec-make")
USE = leaf("exec-use", parameters=["x"], artifacts=["a"])
RUN_TIME = "{{$.inputs.parameters['pipelinechannel--x']}}"


@pytest.mark.parametrize(
    ("resources", "requests"),
    [
        ({}, {"cpu": 1}),
        ({"resourceCpuRequest": "500m", "cpuRequest": 2.0, "cpuLimit": 4.0}, {"cpu": 0.5}),
        ({"cpuRequest": 2.0, "resourceCpuLimit": "8"}, {"cpu": 2}),
        ({"resourceCpuLimit": "3", "cpuLimit": 4.0}, {"cpu": 3}),
        ({"cpuLimit": 4.0}, {"cpu": 4}),
        ({"resourceCpuRequest": RUN_TIME, "cpuLimit": 4.0}, {"cpu": 4}),
        ({"resourceCpuLimit": RUN_TIME}, {"cpu": 1}),
        ({"cpuLimit": 0}, {"cpu": 0}),
        ({"resourceCpuRequest": "0", "resourceCpuLimit": "4"}, {"cpu": 0}),
        ({"resourceMemoryRequest": "0", "memoryLimit": 2}, {"cpu": 1, "memory": 0}),
        ({"memoryLimit": 0.5}, {"cpu": 1, "memory": 5e8}),
        ({"memoryRequest": 2, "resourceMemoryLimit": "64Gi"}, {"cpu": 1, "memory": 2e9}),
        ({"resourceMemoryRequest": "1Gi", "memoryRequest": 1.073741824}, {"cpu": 1, "memory": 2**30}),
        ({"resourceMemoryLimit": "16G"}, {"cpu": 1, "memory": 16e9}),
        ({"resourceMemoryLimit": "16K"}, {"cpu": 1, "memory": 16e3}),
        ({"resourceMemoryLimit": RUN_TIME}, {"cpu": 1}),
        ({"accelerator": {"type": "nvidia.com/gpu", "count": "2"}}, {"cpu": 1, "nvidia.com/gpu": 2}),
        (
            {"accelerator": {"resourceType": "tpu", "type": "x", "resourceCount": "4", "count": "1"}},
            {"cpu": 1, "tpu": 4},
        ),
        ({"accelerator": {"resourceType": "nvidia.com/gpu"}}, {"cpu": 1, "nvidia.com/gpu": 1}),
        ({"accelerator": {"resourceType": RUN_TIME, "resourceCount": "1"}}, {"cpu": 1}),
        ({"accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": RUN_TIME}}, {"cpu": 1}),
    ],
)
def test_what_is_asked_of_a_node(resources: Raw, requests: dict[str, float]) -> None:
    """Requests before limits, the newer spelling first; zero is zero; what only the run knows counts as absent."""
    document = spec(dag({"t": task("make")}), {"make": MAKE}, {"exec-make": container(resources=resources)})
    assert read(document)[0].tasks["t"].requests == requests


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({"cpuLimit": "lots"}, "cpuLimit"),
        ({"cpuLimit": -1}, "cpuLimit"),
        ({"memoryLimit": []}, "memoryLimit"),
        ({"memoryLimit": True}, "memoryLimit"),
        ({"memoryLimit": 10**400}, "memoryLimit"),
        ({"resourceMemoryLimit": "1e999"}, "resourceMemoryLimit"),
        ({"resourceCpuRequest": "1e300"}, "resourceCpuRequest"),
        ({"memoryRequest": 1e24}, "memoryRequest"),
        ({"accelerator": {"type": 3}}, "accelerator.type"),
        ({"accelerator": []}, "accelerator"),
    ],
)
def test_what_is_no_quantity_is_refused(resources: Raw, field: str) -> None:
    """With its place."""
    document = spec(dag({"t": task("make")}), {"make": MAKE}, {"exec-make": container(resources=resources)})
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.field == f"deploymentSpec.executors.exec-make.container.resources.{field}"


def test_the_digest_is_that_of_image_command_and_args() -> None:
    """Absent fields omitted; resources and environment are none of it."""
    executor = container("i", command=["c"], resources={"cpuLimit": 1}, env=[{"name": "n", "value": "v"}])
    graph, _ = read(spec(dag({"t": task("make")}), {"make": MAKE}, {"exec-make": executor}))
    written = json.dumps({"command": ["c"], "image": "i"}, separators=(",", ":")).encode()
    assert step(graph, "t").container_digest == hashlib.sha256(written).hexdigest()


def test_labels_name_datasets_that_are_brought_whole() -> None:
    """In the hint's namespace; a name without a use counts as read, one with a release does not."""
    labels = {
        "dataset.0.id": "claims",
        "dataset.0.useas": "mount",
        "dataset.1.id": "codes",
        "dataset.1.namespace": "steward",
        "dataset.2.id": "names",
        "dataset.2.accepts": "hashed.dropped",
    }
    graph, _ = read(
        spec(dag({"t": task("make")}), {"make": MAKE}),
        platform({"exec-make": pod(labels)}),
        hints=Hints(defaults=Defaults(namespace="lab")),
    )
    found = step(graph, "t")
    assert found.uses == (
        DatasetUse(0, DatasetRef("lab", "claims"), frozenset({UseAs.MOUNT})),
        DatasetUse(1, DatasetRef("steward", "codes")),
        DatasetUse(2, DatasetRef("lab", "names"), accepts=frozenset({"hashed", "dropped"})),
    )
    assert graph.tasks["t"].reads == ("lab/claims", "steward/codes")
    assert found.accepts == {(DatasetRef("lab", "names"), "hashed"), (DatasetRef("lab", "names"), "dropped")}


def test_a_task_that_would_write_to_a_dataset_is_refused() -> None:
    """What reaches it through artifacts is not in its labels, so admission could not ask about that."""
    labels = {"dataset.0.id": "claims", "dataset.0.useas": "mount", "dataset.0.access": "readWrite"}
    with pytest.raises(InputError, match="can't write to dataset default/claims") as caught:
        read(spec(dag({"t": task("make")}), {"make": MAKE}), platform({"exec-make": pod(labels)}))
    assert caught.value.field.endswith("labels[dataset.0.access]")


def test_a_task_that_would_use_a_nodes_memory_is_refused() -> None:
    """A plan chooses sites, and each node has memory of its own."""
    labels = {"dataset.0.id": "features", "dataset.0.useas": "memory"}
    with pytest.raises(InputError, match="can't use dataset default/features as memory") as caught:
        read(spec(dag({"t": task("make")}), {"make": MAKE}), platform({"exec-make": pod(labels)}))
    assert caught.value.field.endswith("labels[dataset.0.useas]")


def test_releases_that_a_hint_accepts_are_merged_into_the_uses() -> None:
    """Into the dataset's own use where there is one, else as one that brings nothing."""
    one, two = DatasetRef("default", "claims"), DatasetRef("steward", "names")
    graph, _ = read(
        spec(dag({"t": task("make")}), {"make": MAKE}),
        platform({"exec-make": pod({"dataset.3.id": "claims", "dataset.3.useas": "mount"})}),
        hints=Hints(tasks={"t": TaskHint(accepts=frozenset({(one, "r"), (two, "s")}))}),
    )
    found = step(graph, "t")
    assert found.accepts == {(one, "r"), (two, "s")}
    assert [(use.index, use.ref, use.accepts, use.reads) for use in found.uses] == [
        (3, one, frozenset({"r"}), True),
        (4, two, frozenset({"s"}), False),
    ]
    assert graph.tasks["t"].reads == ("default/claims",)


def test_a_label_that_can_t_be_read_is_refused_where_it_stands() -> None:
    """With the executor and the label."""
    with pytest.raises(InputError, match=r"exec-make\.podMetadata\.labels\[dataset\.0\.useas\]"):
        read(
            spec(dag({"t": task("make")}), {"make": MAKE}),
            platform({"exec-make": pod({"dataset.0.id": "a", "dataset.0.useas": "feed"})}),
        )


def mount(binding: Raw) -> Raw:
    """Configuration of an executor that mounts a claim."""
    return {"pvcMount": [{"mountPath": "/data", "pvcNameParameter": binding}]}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (mount(constant("disk")), mount(constant("disk")), True),
        (mount(constant("disk")), mount(constant("tape")), False),
        (mount(from_input("p")), mount(from_input("p")), True),
        (mount(from_input("p")), mount(from_input("q")), False),
        (mount(from_task("first")), {"pvcMount": [{"mountPath": "/d", **from_task("first")}]}, True),
        (mount(constant("disk")), {"pvcMount": [{"mountPath": "/d", "constant": "disk"}]}, True),
        (mount(constant("disk")), {"secretAsVolume": [{"secretName": "disk"}]}, False),
    ],
)
def test_tasks_that_mount_one_claim_stay_together(one: Raw, other: Raw, *, same: bool) -> None:
    """By constant name, by the pipeline's input, by the task output that names it; in both spellings."""
    root = dag({"first": task("make"), "a": task("a"), "b": task("b")}, parameters=["p", "q"])
    document = spec(root, {"make": MAKE, "a": leaf("exec-a"), "b": leaf("exec-b")})
    graph, _ = read(document, platform({"exec-a": one, "exec-b": other}))
    assert (frozenset({"a", "b"}) in graph.together) is same


def test_whoever_makes_mounts_and_removes_a_claim_stays_together() -> None:
    """Also by the name that it was given, and from inside of a nested pipeline and a loop."""
    create = leaf("exec-create", parameters=["pvc_name"], gives=["name"], makes=[])
    delete = leaf("exec-delete", parameters=["pvc_name"], gives=[], makes=[])
    nested = dag({"use": task("use")}, parameters=["claim"])
    body = dag({"use": task("use2")}, parameters=["claim", "item"])
    over = {"parameterIterator": {"itemInput": "item", "items": {"raw": "[1]"}}}
    root = dag(
        {
            "create": task("create", parameters={"pvc_name": constant("disk")}),
            "nested": task("nested", parameters={"claim": from_task("create", "name")}),
            "loop": group("body", parameters={"claim": from_task("create", "name")}, **over),
            "delete": task("delete", parameters={"pvc_name": from_task("create", "name")}, after=["nested"]),
            "named": task("named"),
            "other": task("other"),
        }
    )
    components = {
        "create": create, "delete": delete, "nested": nested, "body": body, "use": leaf("exec-use"),
        "use2": leaf("exec-use"), "named": leaf("exec-named"), "other": leaf("exec-other"),
    }  # fmt: skip
    executors = {"exec-create": container("argostub/createpvc"), "exec-delete": container("argostub/deletepvc")}
    configuration = {"exec-use": mount(from_input("claim")), "exec-named": mount(constant("disk"))}
    graph, pipeline = read(spec(root, components, executors), platform(configuration))
    assert set(graph.together) == {
        frozenset({"create", "nested/use", "loop", "delete"}),
        frozenset({"create", "named"}),
    }
    assert ("create", "nested/use") in graph.edges()
    (reference,) = pipeline.entries["nested/use"].references
    assert reference.location == ("pvcMount", 0, "pvcNameParameter")
    assert reference.binding is not None
    assert reference.binding.source == TaskOutput("create", "name")
    (inside,) = pipeline.entries["loop"].references
    assert (inside.step, inside.unit_input) == ("loop/use", "claim")


def test_references_of_the_platform_document_are_dependencies_and_flow() -> None:
    """Wherever they stand: here the name of a secret."""
    secret = {"secretAsEnv": [{"secretNameParameter": from_task("first"), "keyToEnv": [{"secretKey": "k"}]}]}
    document = spec(dag({"first": task("make"), "second": task("use")}), {"make": MAKE, "use": leaf("exec-use")})
    graph, pipeline = read(document, platform({"exec-use": secret}))
    assert graph.order == {("first", "second")}
    assert step(graph, "second").parameters_from == ("first",)
    (reference,) = pipeline.entries["second"].references
    assert reference.location == ("secretAsEnv", 0, "secretNameParameter")


def test_a_reference_to_the_pipeline_s_input_or_to_the_task_s_own() -> None:
    """An input of the component around the task; failing that, of the task itself."""
    document = spec(
        dag({"t": task("use", parameters={"x": constant("v")})}, parameters=["p"]),
        {"use": leaf("exec-use", parameters=["x"])},
    )
    configuration = {"nodeAffinity": [{"nodeAffinityJson": from_input("p")}], "imagePullSecret": [from_input("x")]}
    _, pipeline = read(document, platform({"exec-use": configuration}))
    found = {each.location: each.binding.source for each in pipeline.entries["t"].references if each.binding}
    assert found == {
        ("imagePullSecret", 0): Constant("v"),
        ("nodeAffinity", 0, "nodeAffinityJson"): PipelineInput("p"),
    }


def test_a_reference_to_nothing_is_refused() -> None:
    """With its place in the platform document."""
    document = spec(dag({"t": task("make")}), {"make": MAKE})
    with pytest.raises(InputError, match=r"exec-make\.pvcMount\[0\]\.pvcNameParameter.*'ghost'"):
        read(document, platform({"exec-make": mount(from_input("ghost"))}))
    with pytest.raises(InputError, match="'ghost', which is not a task beside it"):
        read(document, platform({"exec-make": mount(from_task("ghost"))}))


@pytest.mark.parametrize(
    "executor",
    [
        container(args=["--to", "{{$.workspace_path}}/x"]),
        container(command=["ls {{$.workspace_path}}"]),
        container(env=[{"name": "W", "value": "{{$.workspace_path}}"}]),
    ],
)
def test_users_of_the_workspace_stay_together(executor: Raw) -> None:
    """Whoever has its placeholder in the container or in a constant, and whoever is given a path by such a task."""
    root = dag(
        {
            "holds": task("holds"),
            "given": task("use", parameters={"x": constant("{{$.workspace_path}}/y")}),
            "told": task("use", parameters={"x": from_task("given")}),
            "counts": task("counts", parameters={"n": from_task("given")}),
            "other": task("use"),
        }
    )
    counts = leaf("exec-counts", parameters={"n": {"parameterType": "NUMBER_INTEGER"}})
    components = {"holds": leaf("exec-holds"), "use": leaf("exec-use", parameters=["x"]), "counts": counts}
    graph, _ = read(spec(root, components, {"exec-holds": executor}))
    assert graph.together == (frozenset({"holds", "given", "told"}),)
    assert ParameterEdge("given", "Output", "told", "x") in graph.parameters


def test_readers_of_what_is_imported_into_the_workspace_use_it() -> None:
    """The importer itself is no task."""
    both = {"a": artifact_of("import", "artifact")}
    root = dag({"import": task("import"), "x": task("use", artifacts=both), "y": task("use", artifacts=both)})
    imports = leaf("exec-import", gives=[], makes=["artifact"])
    executor = importer({"constant": "s3://a/b"}, downloadToWorkspace=True)
    graph, _ = read(spec(root, {"import": imports, "use": USE}, {"exec-import": executor}))
    assert graph.together == (frozenset({"x", "y"}),)
