"""Where a release may be inserted, and what the graph looks like with it."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from moorage.model import Classification, Dataset, DatasetRef, DatasetUse, Governance
from pipeline_splitter.flow import Candidate, carry, insert, release_candidates
from pipeline_splitter.graph import Graph, Read, Role, Step
from tests.pipeline_splitter.flow_stories import Story, digest_of, governed, known, make_release, mounting, stories
from tests.pipeline_splitter.graphs import GraphBuilder, make_graph

SECRET = Governance(Classification.RESTRICTED)
PUBLIC = Governance(purposes=frozenset({"research"}))
CLAIMS = governed(
    "claims", SECRET, make_release("pseudonymise", PUBLIC, ratio=0.5, seconds=30.0), make_release("sample")
)
IMAGES = governed("images", SECRET, make_release("blur"))
DATASETS = known(CLAIMS, IMAGES)
TAKES = (CLAIMS.ref, "pseudonymise")


def candidates(graph: Graph, datasets: dict[DatasetRef, Dataset] = DATASETS) -> tuple[Candidate, ...]:
    """All of a graph."""
    return release_candidates(graph, carry(graph, datasets), datasets)


def cleaned() -> GraphBuilder:
    """A task that puts out claims."""
    return make_graph().task("clean", uses=mounting(CLAIMS.ref), writes={"out": 8e9})


def said(graph: Graph) -> list[tuple[str, str, str]]:
    """Datum, release and reader of each candidate."""
    return [(each.datum, each.release, each.step) for each in candidates(graph)]


def test_a_release_is_possible_where_a_reader_takes_it() -> None:
    """Only that reader, only for a dataset that is in the artifact, only what is declared."""
    graph = (
        cleaned()
        .task("train", reads=["clean.out"], accepts=[TAKES, (IMAGES.ref, "blur"), (CLAIMS.ref, "shred")])
        .task("tune", reads=["clean.out"])
        .obj()
    )
    assert said(graph) == [("clean.out", "pseudonymise", "train")]


def test_mounts_lists_and_parameters_are_never_released() -> None:
    """There is no artifact of its own to put a release in front of."""
    graph = cleaned().task("mounts", uses=mounting(CLAIMS.ref), accepts=[TAKES]).task("told", accepts=[TAKES])
    graph = graph.parameter("clean", "told").task("many", reads=["clean.out"], accepts=[TAKES])
    built = graph.obj()
    step = built.tasks["many"].steps[0]
    listed = replace(step, reads=tuple(replace(read, is_list=True) for read in step.reads))
    many = replace(built.tasks["many"], steps=(listed,))
    assert said(replace(built, tasks={**built.tasks, "many": many})) == []


def test_what_the_pipeline_released_itself_is_not_released_again() -> None:
    """Unless the original is in it, too; another release is another form."""
    uses = (DatasetUse(0, CLAIMS.ref, release="pseudonymise"),)
    graph = (
        cleaned()
        .task("hide", reads=["clean.out"], uses=uses, container_digest=digest_of("pseudonymise"), writes={"out": 1.0})
        .task("join", reads=["clean.out", "hide.out"], writes={"out": 1.0})
        .task("train", reads=["hide.out"], accepts=[TAKES, (CLAIMS.ref, "sample")])
        .task("tune", reads=["join.out"], accepts=[TAKES])
        .obj()
    )
    assert said(graph) == [("hide.out", "sample", "train"), ("join.out", "pseudonymise", "tune")]


def imported(*parts: str) -> Graph:
    """A reader of several importers, all of one dataset."""
    importers = tuple(Step(part, "", Role.IMPORTER, dataset=CLAIMS.ref) for part in parts)
    graph = make_graph().dataset(CLAIMS.ref, 8e9).task("train", accepts=[TAKES]).obj()
    reads = tuple(Read(part, part, "artifact", str(CLAIMS.ref), CLAIMS.ref) for part in parts)
    step = replace(graph.tasks["train"].steps[0], reads=reads)
    task = replace(graph.tasks["train"], steps=(step,), reads=(str(CLAIMS.ref),))
    return replace(graph, importers=importers, tasks={"train": task})


def test_what_importers_bring_is_released_one_by_one() -> None:
    """Two importers of one dataset may bring different parts of it."""
    graph = imported("north", "south")
    found = candidates(graph)
    assert [(each.artifact.source, each.datum) for each in found] == [
        ("north", "steward/claims"),
        ("south", "steward/claims"),
    ]
    one = insert(graph, found[:1], DATASETS)
    assert one.tasks["train"].reads == ("release-north-artifact-pseudonymise.released", "steward/claims")
    both = insert(graph, found, DATASETS)
    assert set(both.tasks) == {
        "release-north-artifact-pseudonymise",
        "release-south-artifact-pseudonymise",
        "train",
    }
    assert "steward/claims" not in both.tasks["train"].reads
    assert [read.step for read in both.tasks["release-north-artifact-pseudonymise"].steps[0].reads] == ["north"]


def test_an_inserted_task_waits_for_what_its_importer_takes() -> None:
    """An importer's parameters come from tasks, and its map from them, too."""
    graph = imported("north")
    importer = replace(graph.importers[0], parameters_from=("ask",))
    asked = make_graph().task("ask", uses=mounting(IMAGES.ref)).obj().tasks
    graph = replace(graph, importers=(importer,), tasks={**asked, **graph.tasks})
    inserted = insert(graph, candidates(graph), DATASETS)
    assert ("ask", "release-north-artifact-pseudonymise") in inserted.order
    assert set(carry(inserted, DATASETS).task["train"]) == {CLAIMS.ref, IMAGES.ref}


def test_an_inserted_task_is_the_release_and_its_readers_read_what_it_puts_out() -> None:
    """One for two readers; the third reads the original, and all the rest is as it was."""
    graph = cleaned()
    for name in ("a", "b", "c"):
        graph = graph.task(name, reads=["clean.out"], accepts=[TAKES])
    built = graph.obj()
    chosen = [each for each in candidates(built) if each.step != "c"]
    result = insert(built, chosen, DATASETS)
    name = "release-clean-out-pseudonymise"
    task = result.tasks[name]
    assert (task.release, task.seconds, task.cpu_seconds, task.requests) == (TAKES, 30.0, 30.0, {"cpu": 1.0})
    assert (task.reads, task.inserted, task.assumed) == (("clean.out",), True, ())
    assert task.steps[0].reads == (Read("data", "clean", "out", "clean.out"),)
    datum = result.data[f"{name}.released"]
    assert (datum.producer, datum.size_bytes, datum.assumed) == (name, 4e9, False)
    assert [result.tasks[each].reads for each in "abc"] == [(datum.key,), (datum.key,), ("clean.out",)]
    flow = carry(result, DATASETS)
    assert flow.task["a"] == {CLAIMS.ref: PUBLIC}
    assert flow.task["c"] == flow.task[name] == {CLAIMS.ref: SECRET}
    assert list(result.tasks) == sorted(result.tasks)
    assert insert(built, [], DATASETS) is built


def test_what_a_release_does_not_say_is_assumed_and_marked() -> None:
    """60 seconds, one core, as large as the original."""
    bare = replace(make_release("sample"), cpu=None)
    datasets = known(governed("claims", SECRET, bare))
    graph = cleaned().task("train", reads=["clean.out"], accepts=[(CLAIMS.ref, "sample")]).obj()
    result = insert(graph, candidates(graph, datasets), datasets)
    task = result.tasks["release-clean-out-sample"]
    assert (task.seconds, task.cpu_seconds, task.assumed) == (60.0, 60.0, ("seconds", "cpu"))
    datum = result.data["release-clean-out-sample.released"]
    assert (datum.size_bytes, datum.assumed) == (8e9, True)


def test_a_reader_that_mounts_the_dataset_too_still_brings_it() -> None:
    """The release stands in front of the artifact only."""
    graph = imported("north")
    task = graph.tasks["train"]
    mounting_too = replace(task, steps=(replace(task.steps[0], uses=mounting(CLAIMS.ref)),))
    graph = replace(graph, tasks={"train": mounting_too})
    result = insert(graph, candidates(graph), DATASETS)
    assert result.tasks["train"].reads == ("release-north-artifact-pseudonymise.released", "steward/claims")


def test_names_are_labels_unique_and_do_not_hang_on_what_is_chosen() -> None:
    """Where plain names would be taken, equal or too long, they end in a digest."""
    long = "x" * 80
    twin = governed("scans", SECRET, make_release("blur"))
    datasets = {**DATASETS, twin.ref: twin}
    graph = make_graph().task("release-a-b-out-blur").task("Read.Me/é", uses=mounting(IMAGES.ref), writes={"out": 1.0})
    for name, ref in (("a-b", IMAGES.ref), ("a", IMAGES.ref), ("both", IMAGES.ref), (long, IMAGES.ref)):
        graph = graph.task(name, uses=mounting(ref), writes={"out": 1.0, "b-out": 1.0})
    graph = graph.task("two", uses=mounting(IMAGES.ref, twin.ref), writes={"out": 1.0})
    keys = ["Read.Me/é.out", "a-b.out", "a.b-out", "both.out", f"{long}.out", "two.out"]
    for index, key in enumerate(keys):
        graph = graph.task(f"r{index}", reads=[key], accepts=[(IMAGES.ref, "blur"), (twin.ref, "blur")])
    built = graph.obj()
    found = candidates(built, datasets)
    slots = {each.slot: each for each in found}
    together = set(insert(built, slots.values(), datasets).tasks) - set(built.tasks)
    assert len(together) == len(slots) == len(keys)
    one_by_one = {each: set(insert(built, [each], datasets).tasks) - set(built.tasks) for each in found}
    assert len(set.union(*one_by_one.values())) == len(found)
    for names in one_by_one.values():
        (name,) = names
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name)
    assert together <= set.union(*one_by_one.values())
    assert len({each.name for each in found}) == len(found)


def test_of_one_slot_one_release_can_be_chosen() -> None:
    """A reader takes an artifact in one form."""
    graph = cleaned().task("train", reads=["clean.out"], accepts=[TAKES, (CLAIMS.ref, "sample")]).obj()
    with pytest.raises(ValueError, match="two releases were chosen for train"):
        insert(graph, candidates(graph), DATASETS)


@settings(max_examples=50)
@given(stories())
def test_inserting_keeps_the_graph_whole(story: Story) -> None:
    """Every datum that is read is there, no circle arises, untouched tasks stay equal."""
    found = candidates(story.graph, dict(story.datasets))
    chosen = {each.slot: each for each in found}.values()
    result = insert(story.graph, chosen, story.datasets)
    readers = {each.task for each in chosen}
    for name, task in result.tasks.items():
        assert set(task.reads) <= result.data.keys()
        for read in task.steps[0].reads:
            assert read.datum in task.reads
        if name in story.graph.tasks and name not in readers:
            assert task == story.graph.tasks[name]
    carry(result, story.datasets)
