"""What hints say of tasks, artifacts and inputs, and who wins."""

import pytest

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef, DatasetStatus, Reader
from pipeline_splitter.graph import DatumKind, Pin
from pipeline_splitter.hints import Defaults, Hints, InputHint, TaskHint
from tests.pipeline_splitter.kfp.ir import (
    artifact_input,
    artifact_of,
    container,
    dag,
    group,
    leaf,
    platform,
    pod,
    read,
    read_of,
    spec,
    step,
    task,
)

CLAIMS = DatasetRef("steward", "claims")
MAKE = leaf("exec-make")
USE = leaf("exec-use", artifacts=["a"])
NESTED = spec(
    dag({"outer": task("outer")}),
    {
        "outer": dag({"inner": task("inner"), "make": task("make")}),
        "inner": dag({"make": task("make")}),
        "make": MAKE,
    },
)


def test_without_a_hint_there_are_defaults_and_they_are_marked() -> None:
    """60 s, one core, the default account, no purpose."""
    graph, _ = read(spec(dag({"t": task("make")}), {"make": MAKE}))
    found = graph.tasks["t"]
    assert (found.seconds, found.cpu_seconds, found.requests, found.assumed) == (60, 60, {"cpu": 1}, ("cpu", "seconds"))
    reader = found.steps[0].reader
    assert reader is not None
    assert (reader.namespace, reader.service_account, reader.purpose) == ("default", "default", None)


def test_a_recorded_zero_is_zero() -> None:
    """Not unknown."""
    graph, _ = read(
        spec(dag({"t": task("make")}), {"make": MAKE}), hints=Hints(tasks={"t": TaskHint(seconds=0, cpu=0)})
    )
    assert (graph.tasks["t"].seconds, graph.tasks["t"].cpu_seconds, graph.tasks["t"].assumed) == (0, 0, ())


def test_a_hint_on_a_nested_pipeline_goes_to_each_task_inside() -> None:
    """Field by field, the nearest path wins; accepted releases add up."""
    one, two = (CLAIMS, "one"), (CLAIMS, "two")
    hints = Hints(
        tasks={
            "outer": TaskHint(seconds=5, cpu=2, purpose="research", namespace="lab", accepts=frozenset({one})),
            "outer/inner": TaskHint(seconds=7, service_account="trainer", accepts=frozenset({two})),
        }
    )
    graph, _ = read(NESTED, hints=hints)
    near, far = graph.tasks["outer/inner/make"], graph.tasks["outer/make"]
    assert (near.seconds, near.cpu_seconds) == (7, 14)
    assert (far.seconds, far.cpu_seconds) == (5, 10)
    assert near.steps[0].reader == Reader("lab", "trainer", "research")
    assert near.steps[0].accepts == {one, two}
    assert far.steps[0].accepts == {one}


def test_defaults_are_the_hints_own() -> None:
    """Seconds, bytes, account and purpose where nothing else says."""
    defaults = Defaults(task_seconds=9, artifact_bytes=11, purpose="p", namespace="n", service_account="s")
    root = dag({"make": task("make"), "use": task("use", artifacts={"a": artifact_of("make")})})
    graph, _ = read(spec(root, {"make": MAKE, "use": USE}), hints=Hints(defaults=defaults))
    assert graph.tasks["use"].seconds == 9
    assert (graph.data["make.out"].size_bytes, graph.data["make.out"].assumed) == (11, True)
    reader = step(graph, "use").reader
    assert reader is not None
    assert (reader.namespace, reader.service_account, reader.purpose) == ("n", "s", "p")


@pytest.mark.parametrize(
    ("hint", "label", "default", "purpose"),
    [
        ("hint", "label", "default", "hint"),
        (None, "label", "default", "label"),
        (None, None, "default", "default"),
        (None, None, None, None),
    ],
)
def test_who_states_the_purpose(hint: str | None, label: str | None, default: str | None, purpose: str | None) -> None:
    """The hint, else the pod's label, else the default."""
    labels = {"moorage.dev/purpose": label} if label else {}
    graph, _ = read(
        spec(dag({"t": task("make")}), {"make": MAKE}),
        platform({"exec-make": pod(labels)}),
        hints=Hints(tasks={"t": TaskHint(purpose=hint)}, defaults=Defaults(purpose=default)),
    )
    reader = step(graph, "t").reader
    assert reader is not None
    assert reader.purpose == purpose


def test_a_purpose_counts_only_if_the_namespace_lists_it() -> None:
    """Where the namespace limits purposes at all."""
    graph, _ = read(
        spec(dag({"t": task("make"), "u": task("make")}), {"make": MAKE}),
        platform({"exec-make": pod({"moorage.dev/purpose": "research"})}),
        hints=Hints(
            tasks={"t": TaskHint(namespace="lab"), "u": TaskHint(namespace="ward")},
            namespace_purposes={"lab": frozenset({"care", "research"}), "ward": frozenset({"care"})},
        ),
    )
    readers = {name: step(graph, name).reader for name in ("t", "u")}
    assert {name: reader.purpose for name, reader in readers.items() if reader} == {"t": "research", "u": None}


def test_sizes_by_hint_then_annotation_then_default() -> None:
    """Three outputs of one task."""
    make = leaf("exec-make", makes=["x", "y", "z"])
    use = leaf("exec-use", artifacts=["x", "y", "z"])
    artifacts = {name: artifact_of("make", name) for name in "xyz"}
    root = dag({"make": task("make"), "use": task("use", artifacts=artifacts)})
    annotations = {"moorage.dev/output-bytes": '{"x": "1Gi", "y": "2k", "none": 1}'}
    graph, _ = read(
        spec(root, {"make": make, "use": use}),
        platform({"exec-make": pod(annotations=annotations)}),
        hints=Hints(artifacts={"make.x": 5.0}),
    )
    assert {key: (each.size_bytes, each.assumed) for key, each in graph.data.items()} == {
        "make.x": (5.0, False),
        "make.y": (2000.0, False),
        "make.z": (100 * 2**20, True),
    }
    assert "names 'none'" in graph.warnings[0]


def test_the_size_of_what_leaves_a_unit() -> None:
    """By the unit's own name, else what is known of the step that makes it, else the default; once."""
    body = dag({"make": task("make")}, parameters=["item"], makes={"all": [("make", "out")]})
    loop = task("body", parameterIterator={"itemInput": "item", "items": {"raw": "[1, 2]"}})
    root = dag({"loop": loop, "use": task("use", artifacts={"a": artifact_of("loop", "all")})})
    document = spec(root, {"make": MAKE, "use": USE, "body": body})
    annotated = platform({"exec-make": pod(annotations={"moorage.dev/output-bytes": '{"out": 3}'})})
    both = Hints(artifacts={"loop.all": 8.0, "loop/make.out": 9.0})
    assert read(document, annotated, hints=both)[0].data["loop.all"].size_bytes == 8
    inner = Hints(artifacts={"loop/make.out": 9.0})
    assert read(document, annotated, hints=inner)[0].data["loop.all"].size_bytes == 9
    assert read(document, annotated)[0].data["loop.all"].size_bytes == 3
    assert read(document)[0].data["loop.all"].assumed


def test_an_input_artifact_is_the_hinted_dataset_or_present_everywhere() -> None:
    """With bytes it is a datum of its own, under the input's name."""
    root = dag({"use": task("use", artifacts={"a": artifact_input("data")})}, artifacts=["data"])
    document = spec(root, {"use": USE})
    graph, _ = read(document)
    assert graph.tasks["use"].reads == ()
    assert read_of(graph, "use", "a")[0].dataset is None
    datasets = {CLAIMS: Dataset(CLAIMS, (), status=DatasetStatus(size_bytes=77))}
    graph, _ = read(document, hints=Hints(inputs={"data": InputHint(CLAIMS)}), datasets=datasets)
    assert graph.tasks["use"].reads == ("steward/claims",)
    assert graph.data["steward/claims"].size_bytes == 77
    graph, _ = read(document, hints=Hints(inputs={"data": InputHint(CLAIMS, 5.0)}), datasets=datasets)
    assert graph.tasks["use"].reads == ("data",)
    assert (graph.data["data"].kind, graph.data["data"].dataset) == (DatumKind.ARTIFACT, CLAIMS)
    assert read_of(graph, "use", "a")[0].dataset == CLAIMS


def test_a_dataset_of_unknown_size_is_as_large_as_an_unknown_artifact() -> None:
    """And marked."""
    root = dag({"use": task("use", artifacts={"a": artifact_input("data")})}, artifacts=["data"])
    graph, _ = read(spec(root, {"use": USE}), hints=Hints(inputs={"data": InputHint(CLAIMS)}))
    assert (graph.data["steward/claims"].size_bytes, graph.data["steward/claims"].assumed) == (100 * 2**20, True)


def test_pins_of_an_annotation_and_of_a_hint_both_hold() -> None:
    """Each with what said so."""
    graph, _ = read(
        spec(dag({"t": task("make")}), {"make": MAKE}),
        platform({"exec-make": pod(annotations={"moorage.dev/site": "eu-1", "moorage.dev/seconds": "1.5"})}),
        hints=Hints(tasks={"t": TaskHint(sites=frozenset({"eu-1", "us-1"}))}),
    )
    assert graph.tasks["t"].pins == (
        Pin(frozenset({"eu-1"}), "annotation moorage.dev/site"),
        Pin(frozenset({"eu-1", "us-1"}), "hint sites"),
    )
    assert (graph.tasks["t"].seconds, graph.tasks["t"].assumed) == (1.5, ("cpu",))


@pytest.mark.parametrize("named", ["outer", "outer/inner", "outer/inner/t", "outer/loop"])
def test_a_pin_names_the_hint_that_it_comes_from(named: str) -> None:
    """The nearest: that of the task, or of a nested pipeline around it; of a unit, too."""
    loop = {"parameterIterator": {"itemInput": "item", "items": {"raw": "[1]"}}}
    components = {
        "make": MAKE,
        "inner": dag({"t": task("make")}),
        "body": dag({"t": task("make")}, parameters=["item"]),
        "outer": dag({"inner": task("inner"), "loop": group("body", **loop)}),
    }
    hints = {"outer/inner/t": TaskHint(seconds=1), named: TaskHint(sites=frozenset({"eu-1"}))}
    graph, _ = read(spec(dag({"outer": task("outer")}), components), hints=Hints(tasks=hints))
    places = {pin.place for each in graph.tasks.values() for pin in each.pins}
    assert places == {f"tasks[{named}].sites"}


def test_cores_of_a_hint_count_before_those_of_the_container() -> None:
    """And are what it asks for."""
    document = spec(dag({"t": task("make")}), {"make": MAKE}, {"exec-make": container(resources={"cpuLimit": 2.0})})
    graph, _ = read(document, hints=Hints(tasks={"t": TaskHint(cpu=8)}))
    assert graph.tasks["t"].requests["cpu"] == 8
    graph, _ = read(document)
    assert (graph.tasks["t"].cpu_seconds, graph.tasks["t"].assumed) == (120, ("seconds",))


@pytest.mark.parametrize(
    ("hints", "field", "near"),
    [
        (Hints(tasks={"outer/iner": TaskHint()}), "tasks[outer/iner]", "outer/inner"),
        (Hints(artifacts={"outer/make.ouch": 1.0}), "artifacts[outer/make.ouch]", "outer/make.out"),
        (Hints(artifacts={"outer.out": 1.0}), "artifacts[outer.out]", "outer/make.out"),
        (Hints(inputs={"data": InputHint(CLAIMS)}), "inputs[data]", "it has none"),
        (Hints(tasks={"zzz": TaskHint()}), "tasks[zzz]", "there are outer, outer/inner"),
    ],
)
def test_a_hint_that_names_nothing_is_refused_with_what_comes_near(hints: Hints, field: str, near: str) -> None:
    """So that a typing mistake can't pass."""
    with pytest.raises(InputError) as caught:
        read(NESTED, hints=hints)
    assert (caught.value.subject, caught.value.field) == ("hints", field)
    assert near in caught.value.problem


@pytest.mark.parametrize("name", ["outer", "outer/inner", "outer/inner/make", "outer/make"])
def test_every_path_can_be_named(name: str) -> None:
    """Nested pipelines and tasks."""
    read(NESTED, hints=Hints(tasks={name: TaskHint(seconds=1)}))


def test_iterations_of_what_is_no_loop_warn() -> None:
    """They would be a loop's; on a nested pipeline they are for the loops inside."""
    graph, _ = read(NESTED, hints=Hints(tasks={"outer/make": TaskHint(iterations=3)}))
    assert graph.tasks["outer/make"].seconds == 60
    assert "outer/make is not a loop" in graph.warnings[0]
    graph, _ = read(NESTED, hints=Hints(tasks={"outer": TaskHint(iterations=3)}))
    assert graph.warnings == ()


def test_accepted_releases_that_fit_no_label_are_refused() -> None:
    """Joined by dots they are one label of the task's pod; 63 characters are taken, 64 are not."""
    for length, problem in ((31, None), (32, "of 64 characters; a label has at most 63: accept fewer releases")):
        accepts = frozenset({(CLAIMS, "a" * 31), (CLAIMS, "b" * length)})
        ir, hints = spec(dag({"t": task("make")}), {"make": MAKE}), Hints(tasks={"t": TaskHint(accepts=accepts)})
        if problem is None:
            assert step(read(ir, hints=hints)[0], "t").accepts == accepts
            continue
        with pytest.raises(InputError, match=problem) as error:
            read(ir, hints=hints)
        assert (error.value.subject, error.value.field) == ("hints", "tasks[t].accepts")
        assert "dataset steward/claims" in error.value.problem


def test_hints_give_a_task_no_more_datasets_than_a_pod_may_name() -> None:
    """Its labels, what it accepts and the inputs that are datasets count together."""
    labels = {f"dataset.{number}.id": f"own-{number}" for number in range(60)}
    root = dag({"use": task("use", artifacts={"a": artifact_input("raw")})}, artifacts=["raw"])
    for more, refused in ((3, False), (4, True)):
        accepts = frozenset((DatasetRef("steward", f"more-{number}"), "r") for number in range(more))
        hints = Hints(inputs={"raw": InputHint(CLAIMS)}, tasks={"use": TaskHint(accepts=accepts)})
        pods = platform({"exec-use": pod(labels)})
        if not refused:
            assert len(step(read(spec(root, {"use": USE}), pods, hints=hints)[0], "use").uses) == 60 + more
            continue
        with pytest.raises(InputError, match="reads 65 datasets") as error:
            read(spec(root, {"use": USE}), pods, hints=hints)
        assert (error.value.subject, error.value.field) == ("hints", "tasks[use]")
        assert "at most 64; leave some out" in error.value.problem
