"""Inserted releases stand in their group, and exactly those for whom they were chosen read them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from moorage.model import Component, DatasetRef, Governance, Release
from pipeline_splitter.flow import carry, insert, release_candidates
from pipeline_splitter.hints import Hints, TaskHint
from pipeline_splitter.kfp import KfpPipeline
from tests.builders import make_dataset
from tests.pipeline_splitter.groups import splitting
from tests.pipeline_splitter.groups.ir_faults import file_faults
from tests.pipeline_splitter.kfp import ir

CLAIMS = DatasetRef("steward", "claims")
CONTAINER = Component(
    "registry/pseudonymise", ("python", "-m", "hide"), ("--in", "{{$.inputs.artifacts['data'].path}}")
)
RELEASE = Release("pseudonymise", CONTAINER, Governance())
DATASET = make_dataset("claims").at("eu-1").obj()
DATASETS = {CLAIMS: replace(DATASET, governance=Governance(releases=(RELEASE,)))}
URI = "s3://bucket/claims.parquet"


def released(spec: ir.Raw, *readers: str, site: Callable[[int, str], str]) -> tuple[dict[str, Any], KfpPipeline]:
    """The groups' specs by id, with the release put in front of what these tasks read."""
    accepts = TaskHint(accepts=frozenset({(CLAIMS, "pseudonymise")}))
    graph, pipeline = ir.read(spec, hints=Hints(tasks=dict.fromkeys(readers, accepts)), datasets=DATASETS)
    candidates = release_candidates(graph, carry(graph, DATASETS), DATASETS)
    assert candidates
    inserted = insert(graph, candidates, DATASETS)
    files, groups = splitting.split(inserted, pipeline, site, DATASETS)
    for text in files.values():
        assert not file_faults(text)
    return {group.id: splitting.documents(files[group.file]) for group in groups}, pipeline


def story() -> ir.Raw:
    """An importer read by one who accepts and one who doesn't."""
    return ir.spec(
        ir.dag(
            {
                "importer": ir.task("comp-importer", parameters={"uri": ir.constant(URI)}),
                "train": ir.task(
                    "comp-train", artifacts={"rows": ir.artifact_of("importer", "artifact")}, after=["importer"]
                ),
                "audit": ir.task(
                    "comp-audit", artifacts={"rows": ir.artifact_of("importer", "artifact")}, after=["importer"]
                ),
            }
        ),
        {
            "comp-importer": ir.leaf("exec-importer", parameters=["uri"], gives=(), makes=["artifact"]),
            "comp-train": ir.leaf("exec-train", artifacts=["rows"]),
            "comp-audit": ir.leaf("exec-audit", artifacts=["rows"]),
        },
        {"exec-importer": ir.importer({"runtimeParameter": "uri"})},
    )


NAME = "release-importer-artifact-pseudonymise"


def test_an_inserted_release_is_the_dataset_s_own_container() -> None:
    """Image, command and arguments as declared; labelled as what it is; its reader reads what it gives out."""
    documents, _ = released(story(), "train", site=lambda _, name: "us-1" if name == "train" else "eu-1")
    spec, platform = documents["eu-1-1"]
    task = spec["root"]["dag"]["tasks"][NAME]
    assert task["inputs"] == {
        "artifacts": {"data": {"taskOutputArtifact": {"outputArtifactKey": "artifact", "producerTask": "importer"}}}
    }
    label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
    assert spec["deploymentSpec"]["executors"][label]["container"] == {
        "image": CONTAINER.image,
        "command": list(CONTAINER.command),
        "args": list(CONTAINER.args),
    }
    assert platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]["podMetadata"]["labels"] == {
        "dataset.0.id": "claims",
        "dataset.0.namespace": "steward",
        "dataset.0.release": "pseudonymise",
    }
    audit = spec["root"]["dag"]["tasks"]["audit"]["inputs"]["artifacts"]["rows"]
    assert audit == {"taskOutputArtifact": {"outputArtifactKey": "artifact", "producerTask": "importer"}}
    there, labels = documents["us-1-1"]
    assert set(there["root"]["dag"]["tasks"]) == {"train", f"import-{NAME}-released"}
    assert labels["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train"]["podMetadata"]["labels"] == {
        "dataset.0.accepts": "pseudonymise",
        "dataset.0.id": "claims",
        "dataset.0.namespace": "steward",
    }


def test_an_inserted_release_in_the_only_group() -> None:
    """It stands beside its readers, under the pipeline's own name."""
    documents, _ = released(story(), "train", site=splitting.one_site)
    spec, _ = documents["eu-1-1"]
    assert spec["pipelineInfo"]["name"] == "small"
    rows = spec["root"]["dag"]["tasks"]["train"]["inputs"]["artifacts"]["rows"]
    assert rows == {"taskOutputArtifact": {"outputArtifactKey": "released", "producerTask": NAME}}


def unit(*, importer_inside: bool) -> ir.Raw:
    """A loop, and a nested pipeline in it, with one task that accepts and one that doesn't."""
    importer = {"importer": ir.task("comp-importer", parameters={"uri": ir.constant(URI)})}
    channel = "pipelinechannel--importer-artifact"
    rows = ir.artifact_of("importer", "artifact") if importer_inside else ir.artifact_input(channel)
    after = ["importer"] if importer_inside else []
    outside = {} if importer_inside else {channel: ir.artifact_of("importer", "artifact")}
    return ir.spec(
        ir.dag(
            {
                **({} if importer_inside else importer),
                "loop": ir.group(
                    "comp-loop",
                    artifacts=outside,
                    after=["importer"] if outside else [],
                    parameterIterator={"itemInput": "item", "items": {"raw": "[1, 2]"}},
                ),
            }
        ),
        {
            "comp-importer": ir.leaf("exec-importer", parameters=["uri"], gives=(), makes=["artifact"]),
            "comp-loop": ir.dag(
                {
                    **(importer if importer_inside else {}),
                    "deep": ir.task("comp-deep", artifacts={"given": rows}, after=after),
                    "audit": ir.task("comp-audit", artifacts={"rows": rows}, after=after),
                },
                parameters=["item"],
                artifacts=list(outside),
            ),
            "comp-deep": ir.dag(
                {"train": ir.task("comp-train", artifacts={"rows": ir.artifact_input("given")})}, artifacts=["given"]
            ),
            "comp-train": ir.leaf("exec-train", artifacts=["rows"]),
            "comp-audit": ir.leaf("exec-audit", artifacts=["rows"]),
        },
        {"exec-importer": ir.importer({"runtimeParameter": "uri"})},
    )


def source_in_unit(spec: ir.Raw, step: str, name: str) -> str:
    """Which task at the root feeds an artifact input of a step inside of the loop."""
    tasks, way = spec["root"]["dag"]["tasks"], []
    for part in ("loop", *step.split("/")):
        way.append(tasks[part])
        tasks = spec["components"][tasks[part]["componentRef"]["name"]].get("dag", {}).get("tasks", {})
    for task in reversed(way):
        binding = task["inputs"]["artifacts"][name]
        if "taskOutputArtifact" in binding:
            return str(binding["taskOutputArtifact"]["producerTask"])
        name = binding["componentInputArtifact"]
    raise AssertionError(name)


def test_inside_of_a_unit_only_who_accepts_reads_the_released_form() -> None:
    """It comes in through a channel of its own; the others' stays."""
    documents, _ = released(unit(importer_inside=False), "loop/deep/train", site=splitting.one_site)
    spec = documents["eu-1-1"][0]
    assert source_in_unit(spec, "deep/train", "rows") == NAME
    assert source_in_unit(spec, "audit", "rows") == "importer"


def test_a_channel_that_nobody_reads_any_more_is_left_out() -> None:
    """Where all in the unit accept, the original does not come into it at all."""
    documents, _ = released(unit(importer_inside=False), "loop/deep/train", "loop/audit", site=splitting.one_site)
    spec = documents["eu-1-1"][0]
    assert source_in_unit(spec, "deep/train", "rows") == source_in_unit(spec, "audit", "rows") == NAME
    assert set(spec["root"]["dag"]["tasks"]["loop"]["inputs"]["artifacts"]) == {f"pipelinechannel--{NAME}-released"}
    assert set(spec["components"]["comp-deep"]["inputDefinitions"]["artifacts"]) == {
        f"pipelinechannel--{NAME}-released"
    }


def test_what_is_imported_inside_of_a_unit_is_imported_for_the_release_too() -> None:
    """The release runs outside: the importer stands beside it, and stays inside for the others."""
    documents, _ = released(unit(importer_inside=True), "loop/deep/train", site=splitting.one_site)
    spec = documents["eu-1-1"][0]
    (name,) = [each for each in spec["root"]["dag"]["tasks"] if each.startswith("release-")]
    assert source_in_unit(spec, "deep/train", "rows") == name
    assert source_in_unit(spec, "audit", "rows") == "importer"
    data = spec["root"]["dag"]["tasks"][name]["inputs"]["artifacts"]["data"]["taskOutputArtifact"]
    outside = spec["root"]["dag"]["tasks"][data["producerTask"]]
    assert outside["inputs"]["parameters"]["uri"] == {"runtimeValue": {"constant": URI}}
