"""Pipelines written with the SDK that is installed, compiled here: labels, claims, importers, branches, lists."""

from pathlib import Path

import pytest

from moorage.model import Dataset, DatasetRef, Source
from moorage.sources.s3 import S3Source
from pipeline_splitter.documents import parse
from pipeline_splitter.graph import Graph, ParameterEdge
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp import KfpPipeline, read_pipeline
from pipeline_splitter.kfp.pipeline import TaskOutput
from tests.pipeline_splitter.kfp.ir import step

# The SDK warns of its own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")

SOURCE = """
from typing import List

from kfp import compiler, dsl, kubernetes
from kfp.dsl import Dataset, Input, Output


@dsl.component
def say(text: str = "a") -> str:
    return text


@dsl.component
def make(text: str, out: Output[Dataset]): ...


@dsl.component
def read(data: Input[Dataset]) -> str:
    return "read"


@dsl.component
def read_all(data: Input[List[Dataset]]) -> str:
    return "read"


@dsl.component
def end(status: dsl.PipelineTaskFinalStatus): ...


@dsl.pipeline
def inner(claim: str, data: Input[Dataset]) -> str:
    reader = read(data=data)
    kubernetes.mount_pvc(reader, pvc_name=claim, mount_path="/disk")
    kubernetes.add_pod_label(reader, "dataset.0.id", "claims")
    kubernetes.add_pod_label(reader, "dataset.0.accepts", "hashed")
    kubernetes.add_pod_annotation(reader, "moorage.dev/seconds", "7")
    return say(text=f"claim {claim}").output


@dsl.pipeline
def choose(value: str) -> str:
    first = say(text=value)
    with dsl.If(first.output == "1"):
        one = say(text="1")
    with dsl.Elif(first.output == "2"):
        two = say(text="2")
    with dsl.Else():
        other = say(text="3")
    return dsl.OneOf(one.output, two.output, other.output)


@dsl.pipeline(name="whole")
def whole(uri: str = "s3://lake/claims"):
    claim = kubernetes.CreatePVC(
        pvc_name_suffix="-x", access_modes=["ReadWriteOnce"], size="1Gi", storage_class_name="standard"
    )
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset)
    nested = inner(claim=claim.outputs["name"], data=imported.output)
    kubernetes.DeletePVC(pvc_name=claim.outputs["name"]).after(nested)
    chosen = choose(value=nested.output)
    say(text=f"{chosen.output} of {nested.output}")
    with dsl.ExitHandler(end()):
        with dsl.ParallelFor(["x", "y"]) as item:
            made = make(text=item)
        read_all(data=dsl.Collected(made.outputs["out"]))


compiler.Compiler().compile(whole, PATH)
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, KfpPipeline]:
    """The pipeline above, whose components must be in a file, for the SDK reads their source."""
    folder = tmp_path_factory.mktemp("sdk")
    path, module = folder / "whole.yaml", folder / "whole.py"
    module.write_text(f"PATH = {str(path)!r}\n{SOURCE}")
    exec(compile(module.read_text(), str(module), "exec"), {"__name__": "whole"})  # noqa: S102 - our own text
    claims = DatasetRef("default", "claims")
    source = Source("eu-1", S3Source("https://s3.example", "lake", "claims"))
    return read_pipeline(parse(Path(path).read_text(), "whole"), Hints(), {claims: Dataset(claims, (source,))}, "whole")


def test_its_tasks_and_units(compiled: tuple[Graph, KfpPipeline]) -> None:
    """Nested pipelines apart, the branches and the exit handler's body whole."""
    graph, _ = compiled
    assert {name: (task.is_unit, task.seconds) for name, task in graph.tasks.items()} == {
        "choose/condition-branches-1": (True, 60),
        "choose/say": (False, 60),
        "createpvc": (False, 60),
        "deletepvc": (False, 60),
        "end": (False, 60),
        "exit-handler-1": (True, 120),
        "inner/read": (False, 7),
        "inner/say": (False, 60),
        "say": (False, 60),
    }


def test_its_parameters(compiled: tuple[Graph, KfpPipeline]) -> None:
    """Also those that f-strings mention, in a nested pipeline too."""
    graph, _ = compiled
    outcome = "pipelinechannel--condition-branches-1-oneof-1"
    assert set(graph.parameters) == {
        ParameterEdge("createpvc", "name", "deletepvc", "pvc_name"),
        ParameterEdge("createpvc", "name", "inner/say", "pipelinechannel--claim"),
        ParameterEdge("inner/say", "Output", "choose/say", "text"),
        ParameterEdge("choose/say", "Output", "choose/condition-branches-1", "pipelinechannel--say-Output"),
        ParameterEdge("choose/condition-branches-1", outcome, "say", "pipelinechannel--choose-Output"),
        ParameterEdge("inner/say", "Output", "say", "pipelinechannel--inner-Output"),
    }
    assert step(graph, "say").parameters_from == (
        "choose/condition-branches-1/condition-2/say-2",
        "choose/condition-branches-1/condition-3/say-3",
        "choose/condition-branches-1/condition-4/say-4",
        "inner/say",
    )


def test_its_data(compiled: tuple[Graph, KfpPipeline]) -> None:
    """The importer's default lies in a dataset; the label says which released form is taken, and brings nothing."""
    graph, _ = compiled
    assert graph.tasks["inner/read"].reads == ("default/claims",)
    assert step(graph, "inner/read").reads[0].step == "importer"
    assert step(graph, "inner/read").accepts == {(DatasetRef("default", "claims"), "hashed")}
    assert graph.tasks["exit-handler-1"].reads == ()
    (collected,) = step(graph, "exit-handler-1/read-all").reads
    # The SDK numbers its loops as it likes.
    assert (collected.step or "").startswith("exit-handler-1/for-loop-")
    assert collected.datum is None


def test_what_stays_together(compiled: tuple[Graph, KfpPipeline]) -> None:
    """The claim's users, one of them inside of a nested pipeline, and the exit task with its body."""
    graph, pipeline = compiled
    assert set(graph.together) == {
        frozenset({"createpvc", "deletepvc", "inner/read"}),
        frozenset({"end", "exit-handler-1"}),
    }
    assert ("createpvc", "inner/read") in graph.order
    sources = {reference.binding.source for reference in pipeline.entries["inner/read"].references if reference.binding}
    assert sources == {TaskOutput("createpvc", "name")}
