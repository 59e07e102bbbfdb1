"""Importers: whose data they import, what they cost (nothing), and what they pass on."""

import pytest

from moorage.model import Dataset, DatasetRef, Source
from moorage.sources import Location
from moorage.sources.host_path import HostPathSource
from moorage.sources.http import HttpSource
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source
from pipeline_splitter.graph import DatumKind, Role
from pipeline_splitter.hints import Hints, InputHint, TaskHint
from pipeline_splitter.kfp.pipeline import EntryKind, TaskOutput
from pipeline_splitter.kfp.uris import dataset_of
from tests.pipeline_splitter.kfp.ir import (
    Raw,
    artifact_of,
    constant,
    dag,
    from_input,
    from_task,
    importer,
    leaf,
    read,
    read_of,
    spec,
    step,
    task,
)

CLAIMS = DatasetRef("steward", "claims")
MAKE = leaf("exec-make", gives=["Output"], makes=["out"])
USE = leaf("exec-use", artifacts=["a"])
IMPORT = leaf("exec-import", parameters=["uri"], gives=[], makes=["artifact"])
BY_PARAMETER = {"exec-import": importer({"runtimeParameter": "uri"})}


def claims(prefix: str = "claims/", size_bytes: int | None = 500) -> dict[DatasetRef, Dataset]:
    """One dataset in a bucket."""
    dataset = Dataset(CLAIMS, (Source("eu-1", S3Source("https://s3.example", "lake", prefix)),))
    if size_bytes is not None:
        dataset = Dataset(CLAIMS, dataset.sources, status=type(dataset.status)(size_bytes=size_bytes))
    return {CLAIMS: dataset}


def one_importer(uri: Raw, *, root_inputs: dict[str, Raw] | None = None) -> Raw:
    """An importer whose task is given `uri`, and its reader."""
    root = dag(
        {
            "import": task("import", parameters={"uri": uri}),
            "use": task("use", artifacts={"a": artifact_of("import", "artifact")}),
        },
        parameters=root_inputs or {},
    )
    return spec(root, {"import": IMPORT, "use": USE}, BY_PARAMETER)


def test_a_constant_uri_inside_of_a_dataset_reads_the_dataset() -> None:
    """The importer is a step with the dataset; the reader brings the dataset, whole."""
    graph, pipeline = read(one_importer(constant("s3://lake/claims/2024/a.csv")), datasets=claims())
    assert list(graph.tasks) == ["use"]
    assert [(each.name, each.role, each.dataset, each.task) for each in graph.importers] == [
        ("import", Role.IMPORTER, CLAIMS, "")
    ]
    (found,) = read_of(graph, "use", "a")
    assert (found.step, found.output, found.datum, found.dataset) == ("import", "artifact", "steward/claims", CLAIMS)
    datum = graph.data["steward/claims"]
    assert (datum.kind, datum.producer, datum.size_bytes, datum.assumed) == (DatumKind.DATASET, None, 500, False)
    assert pipeline.entries["import"].kind is EntryKind.IMPORTER
    assert pipeline.entries["use"].artifacts["a"].source == TaskOutput("import", "artifact")
    assert pipeline.entries["use"].after == ()


def test_a_uri_of_no_dataset_is_present_everywhere() -> None:
    """A read without a datum."""
    graph, _ = read(one_importer(constant("gs://public/shakespeare.txt")), datasets=claims())
    assert graph.tasks["use"].reads == ()
    assert read_of(graph, "use", "a")[0].datum is None


@pytest.mark.parametrize(
    ("uri", "inputs", "found"),
    [
        (from_input("p"), {"p": {"defaultValue": "s3://lake/claims"}}, CLAIMS),
        (from_input("p"), {"p": {}}, None),
        (from_input("p"), {"p": {"defaultValue": 3}}, None),
        (constant("s3://lake/{{$.inputs.parameters['uri']}}"), {}, None),
    ],
)
def test_a_uri_that_is_the_pipeline_s_default(uri: Raw, inputs: dict[str, Raw], found: DatasetRef | None) -> None:
    """A default counts; what only the run knows is present everywhere."""
    graph, _ = read(one_importer(uri, root_inputs=inputs), datasets=claims())
    assert graph.importers[0].dataset == found


def test_a_uri_put_together_of_known_parts() -> None:
    """The SDK's f-string: a constant with placeholders of inputs beside it."""
    uri = {"uri": constant("s3://lake/{{$.inputs.parameters['chan']}}/x"), "chan": from_input("p")}
    root = dag({"import": task("import", parameters=uri)}, parameters={"p": {"defaultValue": "claims"}})
    graph, _ = read(spec(root, {"import": IMPORT}, BY_PARAMETER), datasets=claims())
    assert graph.importers[0].dataset == CLAIMS


def test_the_constant_of_the_executor_counts_first() -> None:
    """As in Kubeflow."""
    document = one_importer(constant("s3://elsewhere/x"))
    document["deploymentSpec"]["executors"]["exec-import"] = importer({"constant": "s3://lake/claims/x"})
    graph, _ = read(document, datasets=claims())
    assert graph.importers[0].dataset == CLAIMS


def test_a_hint_says_what_the_parameter_with_the_uri_is() -> None:
    """With bytes of its own it is a datum of its own; the default does not matter."""
    document = one_importer(from_input("p"), root_inputs={"p": {"defaultValue": "gs://public/x"}})
    graph, _ = read(document, hints=Hints(inputs={"p": InputHint(CLAIMS, 12.0)}), datasets=claims())
    datum = graph.data["p"]
    assert (datum.dataset, datum.size_bytes, datum.producer) == (CLAIMS, 12.0, None)
    assert graph.tasks["use"].reads == ("p",)
    graph, _ = read(document, hints=Hints(inputs={"p": InputHint(CLAIMS)}), datasets=claims())
    assert graph.tasks["use"].reads == ("steward/claims",)


def test_a_hint_may_say_how_large_an_imported_artifact_is() -> None:
    """Then it, and not the whole dataset, is brought."""
    hints = Hints(artifacts={"import.artifact": 7.0})
    graph, _ = read(one_importer(constant("s3://lake/claims/x")), hints=hints, datasets=claims())
    assert graph.tasks["use"].reads == ("import.artifact",)
    assert (graph.data["import.artifact"].size_bytes, graph.data["import.artifact"].dataset) == (7.0, CLAIMS)


def test_a_hint_for_a_parameter_that_no_importer_takes_warns() -> None:
    """It names an input, so it is no mistake in a name."""
    root = dag({"use": task("use")}, parameters={"p": {}})
    graph, _ = read(spec(root, {"use": USE}), hints=Hints(inputs={"p": InputHint(CLAIMS)}))
    assert "input p" in graph.warnings[0]


def test_two_importers_of_one_dataset_share_one_datum() -> None:
    """Brought once for both."""
    both = {"a": artifact_of("one", "artifact"), "b": artifact_of("two", "artifact")}
    root = dag(
        {
            "one": task("import", parameters={"uri": constant("s3://lake/claims/1")}),
            "two": task("import", parameters={"uri": constant("s3://lake/claims/2")}),
            "use": task("use", artifacts=both),
        }
    )
    document = spec(root, {"import": IMPORT, "use": leaf("exec-use", artifacts=["a", "b"])}, BY_PARAMETER)
    graph, _ = read(document, datasets=claims())
    assert graph.tasks["use"].reads == ("steward/claims",)
    assert len(graph.tasks["use"].steps[0].reads) == 2


def test_an_importer_passes_on_what_it_waits_for_and_what_it_is_given() -> None:
    """Order and parameter edges through an importer become order edges around it; its URI's map flows."""
    root = dag(
        {
            "address": task("make"),
            "before": task("make"),
            "import": task("import", parameters={"uri": from_task("address")}, after=["before"]),
            "use": task("use", artifacts={"a": artifact_of("import", "artifact")}, after=["import"]),
            "later": task("make", after=["import"]),
        }
    )
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE, "import": IMPORT}, BY_PARAMETER))
    assert graph.order == {
        ("address", "use"), ("before", "use"), ("address", "later"), ("before", "later"),
    }  # fmt: skip
    assert graph.parameters == ()
    assert step(graph, "import").parameters_from == ("address",)
    assert pipeline.entries["import"].after == ("before",)
    assert pipeline.entries["use"].after == ("import",)


def test_an_importer_inside_of_a_loop_is_a_step_of_it() -> None:
    """The dataset is read by the unit."""
    body = dag(
        {
            "import": task("import", parameters={"uri": constant("s3://lake/claims/x")}),
            "use": task("use", artifacts={"a": artifact_of("import", "artifact")}),
        },
        parameters=["item"],
    )
    loop = task("body", parameterIterator={"itemInput": "item", "items": {"raw": "[1]"}})
    document = spec(dag({"loop": loop}), {"import": IMPORT, "use": USE, "body": body}, BY_PARAMETER)
    graph, _ = read(document, datasets=claims())
    assert graph.importers == ()
    assert [(each.name, each.role, each.task) for each in graph.tasks["loop"].steps] == [
        ("loop/import", Role.IMPORTER, "loop"),
        ("loop/use", Role.CONTAINER, "loop"),
    ]
    assert graph.tasks["loop"].reads == ("steward/claims",)
    assert graph.tasks["loop"].seconds == 60


def test_a_hint_on_an_importer_warns() -> None:
    """It is there, but there is nothing to say of it."""
    graph, _ = read(one_importer(constant("s3://x/y")), hints=Hints(tasks={"import": TaskHint(seconds=3)}))
    assert "import is an importer" in graph.warnings[0]


S3 = S3Source("https://s3.example", "lake", "claims/")


@pytest.mark.parametrize(
    ("uri", "location", "held"),
    [
        ("s3://lake/claims/a.csv", S3, True),
        ("s3://lake/claims", S3, True),
        ("s3://lake/claims/", S3, True),
        ("s3://lake/claims-2024/a.csv", S3, False),
        ("s3://lake/", S3, False),
        ("s3://pond/claims/a.csv", S3, False),
        ("s3://lake/claims/a.csv?endpoint=s3.example&region=eu", S3, True),
        ("minio://lake/claims/a.csv", S3, True),
        ("gs://lake/claims/a.csv", S3, False),
        ("gs://lake/claims/a.csv", S3Source("https://storage.googleapis.com", "lake", "claims"), True),
        ("https://s3.example/lake/claims/a.csv", S3, True),
        ("s3://lake/anything", S3Source("https://s3.example", "lake"), True),
        ("file:///data/claims/a.csv", HostPathSource("/data/claims"), True),
        ("/data/claims/a.csv", HostPathSource("/data/claims"), True),
        ("/data/other", HostPathSource("/data/claims"), False),
        ("nfs://files.example/exports/claims/a", NfsSource("files.example", "/exports/claims"), True),
        ("nfs://other.example/exports/claims/a", NfsSource("files.example", "/exports/claims"), False),
        ("https://data.example/claims.zip", HttpSource("https://data.example/claims.zip"), True),
        ("https://data.example/claims.zipper", HttpSource("https://data.example/claims.zip"), False),
        ("s3://[::1/x", S3, False),
        ("", HostPathSource("/data"), False),
    ],
)
def test_which_uris_a_source_holds(uri: str, location: Location, *, held: bool) -> None:
    """What lies at or beneath it, by whole path segments."""
    dataset = Dataset(CLAIMS, (Source("eu-1", location),))
    assert dataset_of(uri, {CLAIMS: dataset}) == (CLAIMS if held else None)


def test_the_longest_match_counts_then_the_first_name() -> None:
    """A dataset within another's prefix; two that are the same place."""
    refs = [DatasetRef("n", name) for name in ("all", "part", "again")]
    prefixes = ["claims", "claims/2024", "claims/2024"]
    datasets = {
        ref: Dataset(ref, (Source("eu-1", S3Source("https://s3.example", "lake", prefix)),))
        for ref, prefix in zip(refs, prefixes, strict=True)
    }
    assert dataset_of("s3://lake/claims/2024/x", datasets) == DatasetRef("n", "again")
    assert dataset_of("s3://lake/claims/2023/x", datasets) == DatasetRef("n", "all")
