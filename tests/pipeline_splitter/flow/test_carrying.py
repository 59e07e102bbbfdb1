"""What is carried along the edges, and what a release makes of it."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from moorage.model import Classification, DatasetRef, DatasetUse, Governance
from moorage.policy import join_maps
from pipeline_splitter.flow import carry
from pipeline_splitter.graph import Graph, Read, Role, Step
from tests.pipeline_splitter.flow_stories import Story, digest_of, governed, known, make_release, mounting, stories
from tests.pipeline_splitter.graphs import make_graph

SECRET = Governance(Classification.RESTRICTED, residency=frozenset({"EU"}))
PUBLIC = Governance(purposes=frozenset({"research"}))
CLAIMS = governed("claims", SECRET, make_release("pseudonymise", PUBLIC))
IMAGES = governed("images", Governance(sites_deny=frozenset({"us-1"})))
DATASETS = known(CLAIMS, IMAGES)
RELEASING = (DatasetUse(0, CLAIMS.ref, release="pseudonymise"),)


def test_a_map_is_what_labels_artifacts_and_parameters_bring() -> None:
    """All ways flow, to the end."""
    graph = (
        make_graph()
        .task("clean", uses=mounting(CLAIMS.ref), writes={"out": 1e9})
        .task("scan", uses=mounting(IMAGES.ref))
        .task("train", reads=["clean.out"])
        .parameter("scan", "train")
        .task("idle")
        .obj()
    )
    flow = carry(graph, DATASETS)
    assert flow.task["train"] == {CLAIMS.ref: SECRET, IMAGES.ref: IMAGES.governance}
    assert flow.output["clean"] == {CLAIMS.ref: SECRET}
    assert flow.task["idle"] == {}
    assert flow.warnings == ()


def test_an_importer_passes_on_its_dataset_and_what_it_reads() -> None:
    """Its artifact carries both; it is no task."""
    importer = Step("import", "", Role.IMPORTER, parameters_from=("scan",), dataset=CLAIMS.ref)
    graph = make_graph().task("scan", uses=mounting(IMAGES.ref)).dataset(CLAIMS.ref, 1e9).task("train").obj()
    step = replace(
        graph.tasks["train"].steps[0],
        reads=(Read("data", "import", "artifact", str(CLAIMS.ref), CLAIMS.ref),),
    )
    task = replace(graph.tasks["train"], steps=(step,), reads=(str(CLAIMS.ref),))
    flow = carry(replace(graph, importers=(importer,), tasks={**graph.tasks, "train": task}), DATASETS)
    assert set(flow.task) == {"scan", "train"}
    assert set(flow.task["train"]) == {CLAIMS.ref, IMAGES.ref}


def releasing(digest: str | None, uses: tuple[DatasetUse, ...] = RELEASING) -> Graph:
    """A task that claims to release what it reads."""
    return (
        make_graph()
        .task("clean", uses=mounting(CLAIMS.ref, IMAGES.ref), writes={"out": 1e9})
        .task("hide", reads=["clean.out"], uses=uses, container_digest=digest, writes={"out": 1e9})
        .task("train", reads=["hide.out"])
        .obj()
    )


def test_the_declared_container_releases() -> None:
    """Its label names the release and its digest is the component's: `yields` replaces that entry only."""
    flow = carry(releasing(digest_of("pseudonymise")), DATASETS)
    assert flow.task["hide"][CLAIMS.ref] == SECRET
    assert flow.task["train"] == {CLAIMS.ref: PUBLIC, IMAGES.ref: IMAGES.governance}
    assert flow.warnings == ()


def test_another_container_releases_nothing_and_the_plan_warns() -> None:
    """A wrong digest, none, an unknown release, an unknown dataset, a label without data: one sentence each."""
    unknown_release = (DatasetUse(0, CLAIMS.ref, release="shred"),)
    unknown_dataset = (DatasetUse(0, replace(CLAIMS.ref, name="nothing"), release="shred"),)
    cases = [
        (releasing("other"), "is not the declared one (digest digest-of-pseudonymise)"),
        (releasing(None), "(digest unknown)"),
        (releasing("other", unknown_release), "declares no such release (declared: pseudonymise)"),
        (releasing("other", unknown_dataset), "is not known"),
    ]
    for graph, words in cases:
        flow = carry(graph, DATASETS)
        assert flow.task["train"][CLAIMS.ref] == SECRET
        assert [words in warning and "task hide" in warning for warning in flow.warnings] == [True]
    alone = make_graph().task("hide", uses=RELEASING, container_digest=digest_of("pseudonymise")).obj()
    assert "nothing that it reads" in carry(alone, DATASETS).warnings[0]


def test_an_unknown_dataset_is_carried_without_rules() -> None:
    """It stands in the map, so that the plan names it."""
    ref = replace(CLAIMS.ref, name="nothing")
    graph = make_graph().task("clean", uses=mounting(ref), writes={"out": 1e9}).task("train", reads=["clean.out"]).obj()
    assert carry(graph, DATASETS).task["train"] == {ref: Governance()}


def test_a_unit_carries_what_its_containers_and_control_nodes_read() -> None:
    """An importer inside reads nothing for itself."""
    graph = make_graph().task("scan", uses=mounting(IMAGES.ref), writes={"out": 1e9}).task("loop").obj()
    steps = (
        Step("loop", "loop", Role.CONTROL, parameters_from=("scan",)),
        Step("loop/import", "loop", Role.IMPORTER, dataset=CLAIMS.ref),
        Step("loop/body", "loop"),
    )
    tasks = {**graph.tasks, "loop": replace(graph.tasks["loop"], steps=steps, is_unit=True)}
    assert set(carry(replace(graph, tasks=tasks), DATASETS).task["loop"]) == {IMAGES.ref}


@given(stories(), st.randoms(use_true_random=False))
def test_order_changes_nothing(story: Story, random: object) -> None:
    """Tasks in another order, reads in another order: the same maps."""
    names = list(story.graph.tasks)
    random.shuffle(names)  # type: ignore[attr-defined]
    tasks = {}
    for name in names:
        task = story.graph.tasks[name]
        reads = list(task.steps[0].reads)
        random.shuffle(reads)  # type: ignore[attr-defined]
        tasks[name] = replace(task, steps=(replace(task.steps[0], reads=tuple(reads)),))
    shuffled = carry(replace(story.graph, tasks=tasks), story.datasets)
    flow = carry(story.graph, story.datasets)
    assert flow.task == shuffled.task
    assert flow.output == shuffled.output


@given(stories())
def test_what_is_carried_is_the_join_of_all_that_is_read(story: Story) -> None:
    """Recomputed step by step, without anything remembered."""
    flow = carry(story.graph, story.datasets)
    for name, task in story.graph.tasks.items():
        (step,) = task.steps
        own = [use.ref for use in step.uses if use.reads]
        own += [read.dataset for read in step.reads if read.dataset is not None]
        parts: list[Mapping[DatasetRef, Governance]] = []
        parts += [{ref: replace(story.datasets[ref].governance, releases=())} for ref in own]
        parts += [flow.output[read.step] for read in step.reads if read.step is not None]
        assert flow.task[name] == join_maps(parts)


def test_steps_in_a_circle_are_refused() -> None:
    """A circle can't be carried along."""
    graph = make_graph().task("a").task("b").parameter("a", "b").parameter("b", "a").obj()
    try:
        carry(graph, {})
    except ValueError as error:
        assert "read from each other" in str(error)  # noqa: PT017 - the message is what matters
    else:
        raise AssertionError
