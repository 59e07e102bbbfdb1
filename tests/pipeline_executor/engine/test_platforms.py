"""What kfp.kubernetes says of a task's pod, compiled by the SDK, with values in place of references."""

from pathlib import Path
from typing import Any, Optional

from kfp import compiler, dsl, kubernetes

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import LaunchKind, read_program
from pipeline_splitter.documents import parse
from tests.pipeline_executor.engine.beside import light
from tests.pipeline_executor.engine.stories import ended, now, only_launch


@light
def work(text: str = "a") -> str:
    """Some."""
    return text


def documents(pipeline: Any, folder: Path) -> list[Any]:  # noqa: ANN401 - kfp has no types
    """A compiled pipeline."""
    file = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(file))
    return parse(file.read_text(), "pipeline.yaml")


def test_everything_by_name(tmp_path: Path) -> None:
    """What needs no value is handed on as it is."""

    @dsl.pipeline
    def pipeline() -> None:
        task = work()
        kubernetes.add_pod_label(task, "dataset.0.id", "claims")
        kubernetes.add_pod_annotation(task, "componentInputParameter", "{}")
        kubernetes.use_secret_as_env(task, "keys", {"password": "PASSWORD"})
        kubernetes.use_secret_as_volume(task, "keys", "/keys")
        kubernetes.use_config_map_as_env(task, "settings", {"a": "A"})
        kubernetes.mount_pvc(task, "data", "/data")
        kubernetes.empty_dir_mount(task, "scratch", "/scratch", size_limit="1Gi")
        kubernetes.add_toleration(task, key="gpu", operator="Exists", effect="NoSchedule")
        kubernetes.add_node_selector(task, "disk", "ssd")
        kubernetes.set_image_pull_policy(task, "Always")
        kubernetes.set_image_pull_secrets(task, ["registry"])
        kubernetes.use_field_path_as_env(task, "NODE", "spec.nodeName")
        kubernetes.set_timeout(task, 120)

    launch = only_launch(*documents(pipeline, tmp_path))
    platform = dict(launch.platform)
    assert launch.timeout_seconds == 120
    assert platform["podMetadata"] == {
        "labels": {"dataset.0.id": "claims"},
        "annotations": {"componentInputParameter": "{}"},
    }
    assert platform["secretAsEnv"][0]["secretNameParameter"] == "keys"
    assert platform["secretAsVolume"][0]["secretNameParameter"] == "keys"
    assert platform["configMapAsEnv"][0]["configMapNameParameter"] == "settings"
    assert platform["pvcMount"] == [{"mountPath": "/data", "pvcNameParameter": "data"}]
    assert platform["nodeSelector"] == {"labels": {"disk": "ssd"}}
    assert platform["imagePullPolicy"] == "Always"
    assert platform["imagePullSecret"][0]["secretNameParameter"] == "registry"
    assert platform["emptyDirMounts"][0]["sizeLimit"] == "1Gi"
    assert platform["fieldPathAsEnv"] == [{"name": "NODE", "fieldPath": "spec.nodeName"}]


def test_values_of_inputs_and_of_other_tasks(tmp_path: Path) -> None:
    """References are looked up; what refers to an optional input without a value is left out."""

    @dsl.pipeline
    def pipeline(secret: str, selector: dict) -> None:  # type: ignore[type-arg]
        claim = kubernetes.CreatePVC(access_modes=["ReadWriteOnce"], size="1Gi", pvc_name_suffix="-x")
        task = work()
        kubernetes.mount_pvc(task, claim.outputs["name"], "/data")
        kubernetes.use_secret_as_env(task, secret, {"password": "PASSWORD"})
        kubernetes.add_node_selector_json(task, selector)
        kubernetes.add_toleration_json(task, {"key": "gpu", "operator": "Exists"})
        kubernetes.DeletePVC(pvc_name=claim.outputs["name"]).after(task)

    read = read_program(documents(pipeline, tmp_path), "pipeline.yaml")
    arguments: Any = {"secret": "keys", "selector": {"disk": "ssd"}}
    said = now(read, **arguments)
    (claim,) = said.launches
    assert (claim.path, claim.kind) == ("createpvc", LaunchKind.CREATE_CLAIM)
    assert claim.executor_input["inputs"]["parameterValues"]["size"] == "1Gi"
    said = now(read, {"createpvc": ended(name="claim-x")}, **arguments)
    (launch,) = said.launches
    assert launch.platform["pvcMount"] == [{"mountPath": "/data", "pvcNameParameter": "claim-x"}]
    assert launch.platform["secretAsEnv"][0]["secretNameParameter"] == "keys"
    assert launch.platform["nodeSelector"] == {"nodeSelectorJson": {"disk": "ssd"}}
    assert launch.platform["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    said = now(read, {"createpvc": ended(name="claim-x"), "work": ended(Output="a")}, **arguments)
    (deletion,) = said.launches
    assert deletion.kind is LaunchKind.DELETE_CLAIM
    assert deletion.executor_input["inputs"]["parameterValues"] == {"pvc_name": "claim-x"}
    assert said.phase is TaskPhase.RUNNING


def test_what_refers_to_nothing_is_left_out(tmp_path: Path) -> None:
    """As Kubeflow does; the others stay."""

    @dsl.pipeline
    def pipeline(one: Optional[str] = None, other: str = "b", chosen: Optional[dict] = None) -> None:  # type: ignore[type-arg]  # noqa: UP045
        task = work()
        kubernetes.use_secret_as_volume(task, one, "/one")
        kubernetes.use_secret_as_volume(task, other, "/other")
        kubernetes.use_config_map_as_volume(task, one, "/third")
        kubernetes.add_node_selector_json(task, chosen)

    launch = only_launch(*documents(pipeline, tmp_path))
    assert [each["secretNameParameter"] for each in launch.platform["secretAsVolume"]] == ["b"]
    assert launch.platform["configMapAsVolume"] == []
    assert "nodeSelector" not in launch.platform
