"""StretchedPipelines and PipelineGroups read back as they were written, and bad ones say what is wrong."""

from dataclasses import replace
from typing import Any

import pytest

from moorage import wire
from moorage.errors import InputError
from moorage.runs import ExportSpec, GroupSpec, ImportSpec, PipelineSource, RunRef, StretchedPipeline

REF = RunRef("fraud", "nightly", "4c2a")
RUN = StretchedPipeline(
    ref=REF,
    source=PipelineSource(config_map="compiled", key="p.yaml"),
    parameters={"weight": 0.5, "names": ["a"]},
    objective="money,carbon",
    hints={"tasks": {"train": {"seconds": 5}}},
    service_account="trainer",
    approval=True,
    approved_plan="ab",
    cancel=True,
    retries=2,
    lost_after_seconds=30,
)
GROUP = GroupSpec(
    run=REF,
    group="eu-1-1",
    attempt=2,
    site="eu-1",
    file="groups/eu-1-1.yaml",
    file_sha256="0" * 64,
    parameters={"weight": 0.5},
    imports=(ImportSpec("u", "us-1", artifact="a.out"), ImportSpec("v", "us-1", value="a.n")),
    exports=(ExportSpec("model", artifact="train.model"),),
    service_account="trainer",
    task_names={"train-evaluate": "train/evaluate"},
    cancel=True,
)


def raw(kind: str, spec: dict[str, Any], namespace: str = "fraud") -> dict[str, Any]:
    """An object as the API server gives it."""
    metadata = {"name": "nightly", "namespace": namespace, "uid": "4c2a", "generation": 0}
    return {"apiVersion": "moorage.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    "source",
    [PipelineSource(inline="a: b"), RUN.source, PipelineSource(object_site="eu-1", object_key="p/a.yaml")],
)
def test_a_run_reads_back(source: PipelineSource) -> None:
    """Wherever its pipeline is."""
    run = replace(RUN, source=source)
    assert wire.read_stretched_pipeline(raw("StretchedPipeline", wire.write_stretched_pipeline_spec(run))) == run


def test_a_group_reads_back() -> None:
    """With imports and exports."""
    read = wire.read_pipeline_group(raw("PipelineGroup", wire.write_pipeline_group_spec(GROUP)))
    assert read.spec == GROUP


def test_a_group_belongs_to_its_own_namespace() -> None:
    """Who may write in one namespace can't name a run of another, whose artifacts would then be read."""
    with pytest.raises(InputError, match=r"spec\.run\.namespace: must be the PipelineGroup's own, other"):
        wire.read_pipeline_group(raw("PipelineGroup", wire.write_pipeline_group_spec(GROUP), "other"))


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, r"spec\.pipeline: is required"),
        ({"pipeline": {}}, "exactly one of"),
        ({"pipeline": {"inline": "a", "configMapRef": {"name": "b"}}}, "exactly one of"),
        ({"pipeline": {"inline": "a"}, "approval": "never"}, "must be one of automatic, manual"),
        ({"pipeline": {"inline": "a"}, "objectives": "money"}, "is not a field here"),
    ],
)
def test_a_bad_run_says_what_is_wrong(spec: dict[str, Any], problem: str) -> None:
    """The object, the field and the remedy."""
    with pytest.raises(InputError, match=problem):
        wire.read_stretched_pipeline(raw("StretchedPipeline", spec))
