"""Loops, conditions and exit-handler bodies stay whole; flow inside is per step."""

import pytest

from pipeline_splitter.graph import ParameterEdge, Role
from pipeline_splitter.hints import Hints, TaskHint
from pipeline_splitter.kfp.pipeline import EntryKind, TaskOutput
from tests.pipeline_splitter.kfp.ir import (
    Raw,
    artifact_input,
    artifact_of,
    constant,
    container,
    dag,
    from_input,
    from_task,
    group,
    leaf,
    read,
    read_of,
    spec,
    step,
    task,
)

MAKE = leaf("exec-make", gives=["Output"], makes=["out"])
USE = leaf("exec-use", parameters=["x"], artifacts=["a"], gives=["Output"], makes=["out"])
ON_X = {"triggerPolicy": {"condition": "inputs.parameter_values['x'] == 'yes'"}}
ALL: Raw = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}


def over(text: str, item: str = "item") -> Raw:
    """A loop over items that are written down."""
    return {"parameterIterator": {"itemInput": item, "items": {"raw": text}}}


def over_input(name: str, item: str = "item") -> Raw:
    """A loop over a list that an input holds."""
    return {"parameterIterator": {"itemInput": item, "items": {"inputParameter": name}}}


def over_artifacts(name: str, item: str = "item") -> Raw:
    """A loop over a list of artifacts that an input holds."""
    return {"artifactIterator": {"itemInput": item, "items": {"inputArtifact": name}}}


def test_a_loop_is_one_task_whose_steps_are_in_order() -> None:
    """Two steps inside; the artifact between them is nobody else's business."""
    body = dag(
        {
            "one": task("make"),
            "two": task("use", artifacts={"a": artifact_of("one")}, parameters={"x": from_input("item")}),
        },
        parameters=["item"],
    )
    graph, pipeline = read(
        spec(dag({"loop": group("body", **over("[1, 2, 3]"))}), {"make": MAKE, "use": USE, "body": body})
    )
    loop = graph.tasks["loop"]
    assert list(graph.tasks) == ["loop"]
    assert loop.is_unit
    assert [each.name for each in loop.steps] == ["loop/one", "loop/two"]
    assert all(each.task == "loop" for each in loop.steps)
    assert (loop.seconds, loop.cpu_seconds, loop.reads) == (120.0, 360.0, ())
    (read_inside,) = read_of(graph, "loop/two", "a")
    assert (read_inside.step, read_inside.output, read_inside.datum) == ("loop/one", "out", None)
    entry = pipeline.entries["loop"]
    assert (entry.kind, entry.executor) == (EntryKind.UNIT, None)
    assert entry.components == ("body", "make", "use")
    assert entry.executors == ("exec-make", "exec-use")


def test_what_leaves_a_loop_is_one_datum_under_the_unit_s_name() -> None:
    """`Collected`: the reader reads the unit's output, its flow comes from the step inside; both stay together."""
    body = dag({"make": task("make")}, makes={"all": [("make", "out")]}, lists=["all"])
    use = leaf("exec-use", artifacts={"a": {"isArtifactList": True}})
    root = dag(
        {"loop": group("body", **over("[1, 2]")), "use": task("use", artifacts={"a": artifact_of("loop", "all")})}
    )
    graph, pipeline = read(spec(root, {"make": MAKE, "use": use, "body": body}))
    assert graph.tasks["use"].reads == ("loop.all",)
    assert graph.data["loop.all"].producer == "loop"
    (collected,) = read_of(graph, "use", "a")
    assert (collected.step, collected.output, collected.datum, collected.is_list) == (
        "loop/make",
        "out",
        "loop.all",
        True,
    )
    assert graph.together == (frozenset({"loop", "use"}),)
    assert pipeline.entries["use"].artifacts["a"].source == TaskOutput("loop", "all")


def test_a_loop_reads_its_items_itself() -> None:
    """The items' map reaches the loop's control step and, by the item, the step that is given it."""
    body = dag(
        {"use": task("use", parameters={"x": from_input("item")}), "other": task("make")}, parameters=["list", "item"]
    )
    loop = group("body", parameters={"list": from_task("make")}, **over_input("list"))
    graph, _ = read(spec(dag({"make": task("make"), "loop": loop}), {"make": MAKE, "use": USE, "body": body}))
    control = graph.tasks["loop"].steps[0]
    assert (control.name, control.role, control.reader) == ("loop", Role.CONTROL, None)
    assert control.parameters_from == ("make",)
    assert step(graph, "loop/use").parameters_from == ("make",)
    assert step(graph, "loop/other").parameters_from == ()
    assert graph.parameters == (ParameterEdge("make", "Output", "loop", "list"),)
    assert graph.tasks["loop"].assumed == ("cpu", "iterations", "seconds")


def test_a_loop_over_artifacts_reads_the_list_as_one_datum() -> None:
    """The list is what is brought; list edges keep both ends in one group."""
    body = dag({"use": task("use", artifacts={"a": artifact_input("item")})}, artifacts=["list", "item"])
    maker = leaf("exec-make", makes={"out": {"isArtifactList": True}})
    loop = group("body", artifacts={"list": artifact_of("make")}, **over_artifacts("list"))
    graph, _ = read(spec(dag({"make": task("make"), "loop": loop}), {"make": maker, "use": USE, "body": body}))
    assert graph.tasks["loop"].reads == ("make.out",)
    assert [(each.name, each.role) for each in graph.tasks["loop"].steps] == [
        ("loop", Role.CONTROL),
        ("loop/use", Role.CONTAINER),
    ]
    assert read_of(graph, "loop/use", "a")[0].step == "make"
    assert graph.together == (frozenset({"loop", "make"}),)


def test_a_condition_reads_its_operands() -> None:
    """Other inputs of the condition are its insides' business."""
    body = dag({"use": task("use", parameters={"x": from_input("y")})}, parameters=["x", "y"])
    root = dag(
        {
            "a": task("make"),
            "b": task("make"),
            "if": group("body", parameters={"x": from_task("a"), "y": from_task("b")}, **ON_X),
        }
    )
    graph, _ = read(spec(root, {"make": MAKE, "use": USE, "body": body}))
    assert graph.tasks["if"].steps[0].parameters_from == ("a",)
    assert step(graph, "if/use").parameters_from == ("b",)
    assert {edge.producer for edge in graph.parameters} == {"a", "b"}


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.parameter_values['x'] == 'yes'",
        "inputs.parameters['x'].string_value == 'yes'",
        'int(inputs.parameter_values["x"]) > 3',
        "!(int(inputs.parameter_values['x']) > 3) && inputs.parameter_values['x'] != ''",
    ],
)
def test_operands_are_found_in_every_spelling(condition: str) -> None:
    """Schema 2.0 and 2.1, both quotes, operators around."""
    body = dag({"make": task("make")}, parameters=["x"])
    test = group("body", parameters={"x": from_task("make")}, triggerPolicy={"condition": condition})
    graph, _ = read(spec(dag({"make": task("make"), "if": test}), {"make": MAKE, "body": body}))
    assert graph.tasks["if"].steps[0].parameters_from == ("make",)


def test_branches_are_one_unit_and_their_choice_is_one_datum() -> None:
    """If/Else with OneOf: the reader's flow comes from both branches."""
    heads = dag({"make": task("make")}, parameters=["x"], makes={"h": [("make", "out")]})
    tails = dag({"make": task("make")}, parameters=["x"], makes={"t": [("make", "out")]})
    branches = dag(
        {
            "condition-2": group("heads", parameters={"x": from_input("x")}, **ON_X),
            "condition-3": group("tails", parameters={"x": from_input("x")}, **ON_X),
        },
        parameters=["x"],
        makes={"oneof": [("condition-2", "h"), ("condition-3", "t")]},
    )
    root = dag(
        {
            "flip": task("make"),
            "choice": group("branches", parameters={"x": from_task("flip")}),
            "use": task("use", artifacts={"a": artifact_of("choice", "oneof")}),
        }
    )
    components = {"make": MAKE, "use": USE, "heads": heads, "tails": tails, "branches": branches}
    graph, _ = read(spec(root, components))
    assert set(graph.tasks) == {"flip", "choice", "use"}
    assert [each.name for each in graph.tasks["choice"].steps] == [
        "choice/condition-2",
        "choice/condition-2/make",
        "choice/condition-3",
        "choice/condition-3/make",
    ]
    assert graph.tasks["use"].reads == ("choice.oneof",)
    assert [each.step for each in read_of(graph, "use", "a")] == ["choice/condition-2/make", "choice/condition-3/make"]
    assert (graph.tasks["choice"].seconds, graph.tasks["choice"].cpu_seconds) == (60.0, 120.0)


def test_branches_without_an_outcome_are_known_by_the_sdk_s_name() -> None:
    """`condition-branches-1`, which has no caching options of its own; a pipeline of that name has."""
    body = dag({"make": task("make")}, parameters=["x"])
    branches = dag({"condition-2": group("body", parameters={"x": constant("a")}, **ON_X)})
    components = {"make": MAKE, "body": body, "branches": branches}
    unit, _ = read(spec(dag({"condition-branches-1": group("branches")}), components))
    assert set(unit.tasks) == {"condition-branches-1"}
    pipeline, _ = read(spec(dag({"condition-branches-1": task("branches")}), components))
    assert set(pipeline.tasks) == {"condition-branches-1/condition-2"}


def test_an_exit_handler_s_body_is_a_unit_and_stays_with_its_exit_task() -> None:
    """The dag that a task waits for which runs also after failures."""
    body = dag({"a": task("make"), "b": task("make", after=["a"])})
    final = {"x": {"taskFinalStatus": {"producerTask": "exit-handler-1"}}}
    root = dag({"exit-handler-1": group("body"), "end": task("use", parameters=final, after=["exit-handler-1"], **ALL)})
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE, "body": body}))
    assert set(graph.tasks) == {"exit-handler-1", "end"}
    assert graph.tasks["exit-handler-1"].is_unit
    assert graph.order == {("exit-handler-1", "end")}
    assert graph.together == (frozenset({"exit-handler-1", "end"}),)
    assert pipeline.entries["end"].parameters["x"].raw == final["x"]


def test_what_a_task_is_told_the_end_of_is_a_unit_that_it_stays_with() -> None:
    """Also where it does not run after failures: the end of a dag that was taken apart is nobody's."""
    body = dag({"a": task("make"), "b": task("make")})
    final = {"x": {"taskFinalStatus": {"producerTask": "inner"}}}
    root = dag({"inner": task("body"), "end": task("use", parameters=final)})
    graph, _ = read(spec(root, {"make": MAKE, "use": USE, "body": body}))
    assert set(graph.tasks) == {"inner", "end"}
    assert graph.order == {("inner", "end")}
    assert graph.together == (frozenset({"inner", "end"}),)


def test_the_end_of_an_importer_is_that_of_what_it_waits_for() -> None:
    """It is no task."""
    final = {"x": {"taskFinalStatus": {"producerTask": "bring"}}}
    root = dag({"a": task("make"), "bring": task("bring", after=["a"]), "end": task("use", parameters=final)})
    importer = {"exec-bring": {"importer": {"artifactUri": {"constant": "s3://b/c"}}}}
    components = {"make": MAKE, "use": USE, "bring": leaf("exec-bring", gives=[], makes=["artifact"])}
    graph, _ = read(spec(root, components, importer))
    assert graph.order == {("a", "end")}
    assert graph.together == ()


def test_a_task_that_ignores_failures_stays_with_what_it_waits_for() -> None:
    """Plain tasks upstream stay plain."""
    root = dag(
        {
            "a": task("make"),
            "b": task("make"),
            "end": task("use", artifacts={"a": artifact_of("a")}, after=["b"], **ALL),
        }
    )
    graph, _ = read(spec(root, {"make": MAKE, "use": USE}))
    assert not any(each.is_unit for each in graph.tasks.values())
    assert graph.together == (frozenset({"a", "b", "end"}),)


def test_loops_in_loops_multiply() -> None:
    """2 x (60 + 3 x 60) = 480 core-seconds; all of it at once."""
    inner = dag({"make": task("make")}, parameters=["item"])
    outer = dag({"make": task("make"), "inner": group("inner", **over("[1, 2, 3]"))}, parameters=["item"])
    graph, _ = read(
        spec(dag({"outer": group("outer", **over("[1, 2]"))}), {"make": MAKE, "inner": inner, "outer": outer})
    )
    assert (graph.tasks["outer"].seconds, graph.tasks["outer"].cpu_seconds) == (60.0, 480.0)
    assert graph.tasks["outer"].assumed == ("cpu", "seconds")


def test_iterations_are_hinted_where_the_loop_is() -> None:
    """On the unit, and on a loop inside of it."""
    inner = dag({"make": task("make")}, parameters=["item"])
    outer = dag({"inner": group("inner", **over("[1, 2, 3]"))}, parameters=["list", "item"])
    loop = group("outer", parameters={"list": constant([1])}, **over_input("list"))
    hints = Hints(tasks={"outer": TaskHint(iterations=5), "outer/inner": TaskHint(iterations=7)})
    graph, _ = read(spec(dag({"outer": loop}), {"make": MAKE, "inner": inner, "outer": outer}), hints=hints)
    assert (graph.tasks["outer"].seconds, graph.tasks["outer"].cpu_seconds) == (60.0, 5 * 7 * 60.0)


PLACEHOLDER = "{{$.inputs.parameters['pipelinechannel--x']}}"


@pytest.mark.parametrize(
    ("value", "times"),
    [
        (constant([1, 2, 3]), 3),
        (constant("[1, 2, 3, 4]"), 4),
        ({"runtimeValue": {"constantValue": {"stringValue": '["a", "b"]'}}}, 2),
        (constant([]), 0),
        (constant([f"{PLACEHOLDER}", 2]), 2),
        (constant(f'["{PLACEHOLDER}", 2]'), 2),
        (constant(PLACEHOLDER), None),
        (constant(f"[{PLACEHOLDER}, 2]"), None),
        (constant({"a": 1}), None),
        (constant("none"), None),
        (constant(3), None),
        ({**constant('{"a": [1]}'), "parameterExpressionSelector": 'parseJson(string_value)["a"]'}, None),
        (from_input("given"), None),
        (from_task("make"), None),
    ],
    ids=str,
)
@pytest.mark.parametrize("depth", [0, 1, 2], ids=["beside", "nested", "in a unit"])
def test_items_that_an_input_is_given_in_the_pipeline_are_counted(value: Raw, times: int | None, depth: int) -> None:
    """Through a nested pipeline's input and a unit's, too; a default of the pipeline's own inputs is no promise."""
    inputs = {"list": {"parameterType": "LIST"}, "item": {"parameterType": "STRING"}}
    loop = group("body", parameters={"list": from_input("list")}, **over_input("list"))
    components = {
        "make": MAKE,
        "body": dag({"make": task("make")}, parameters=inputs),
        "outer": dag({"loop": loop}, parameters={"list": {"parameterType": "LIST"}}),
    }
    given: Raw = {"parameters": {"list": value, "pipelinechannel--x": constant(7)}}
    tasks = {
        0: group("body", **given, **over_input("list")),
        1: task("outer", **given),
        2: group("outer", **given, triggerPolicy={"condition": "'a' == 'a'"}),
    }
    root = dag(
        {"make": task("make"), "it": tasks[depth]},
        parameters={"given": {"parameterType": "LIST", "defaultValue": [1, 2, 3]}},
    )
    graph, _ = read(spec(root, components))
    unit = graph.tasks["it/loop" if depth == 1 else "it"]
    assert unit.cpu_seconds == 60 * (1 if times is None else times)
    assert unit.seconds == (0 if times == 0 else 60)
    assert ("iterations" in unit.assumed) is (times is None)


def test_items_that_a_nested_pipeline_has_by_default_are_counted() -> None:
    """Nobody gives it others: so they are what it will go over."""
    loop = group("body", parameters={"list": from_input("list")}, **over_input("list"))
    nested = dag({"loop": loop}, parameters={"list": {"parameterType": "LIST", "defaultValue": [1, 2]}})
    body = dag({"make": task("make")}, parameters=["list", "item"])
    graph, _ = read(spec(dag({"it": task("nested")}), {"make": MAKE, "body": body, "nested": nested}))
    assert graph.tasks["it/loop"].cpu_seconds == 120


def test_a_unit_s_seconds_are_its_wall_time() -> None:
    """Times the hint's cores, else the largest that a step has."""
    big = container(resources={"resourceCpuLimit": "4"})
    body = dag({"make": task("make"), "use": task("use")}, parameters=["item"])
    document = spec(
        dag({"loop": group("body", **over("[1, 2, 3]"))}), {"make": MAKE, "use": USE, "body": body}, {"exec-use": big}
    )
    graph, _ = read(document, hints=Hints(tasks={"loop": TaskHint(seconds=10)}))
    assert (graph.tasks["loop"].seconds, graph.tasks["loop"].cpu_seconds) == (10, 40)
    graph, _ = read(document, hints=Hints(tasks={"loop": TaskHint(seconds=10, cpu=3)}))
    assert (graph.tasks["loop"].seconds, graph.tasks["loop"].cpu_seconds) == (10, 30)
    assert graph.tasks["loop"].assumed == ()
    graph, _ = read(document)
    assert (graph.tasks["loop"].seconds, graph.tasks["loop"].cpu_seconds) == (60, 3 * (60 + 240))
    assert graph.tasks["loop"].requests["cpu"] == 4


def test_a_hint_for_a_step_inside_is_that_step_s() -> None:
    """Seconds and purpose of one of two steps; its pin pins the unit."""
    body = dag({"a": task("make"), "b": task("make")}, parameters=["item"])
    hint = TaskHint(seconds=5, purpose="research", sites=frozenset({"eu-1"}))
    graph, _ = read(
        spec(dag({"loop": group("body", **over("[1, 2]"))}), {"make": MAKE, "body": body}),
        hints=Hints(tasks={"loop/a": hint}),
    )
    assert (graph.tasks["loop"].seconds, graph.tasks["loop"].cpu_seconds) == (60, 2 * (5 + 60))
    purposes = [each.reader.purpose for each in graph.tasks["loop"].steps if each.reader]
    assert purposes == ["research", None]
    assert [pin.sites for pin in graph.tasks["loop"].pins] == [frozenset({"eu-1"})]


def test_one_container_with_a_condition_is_a_unit() -> None:
    """Its control step has a name of its own."""
    conditional = group("use", parameters={"x": from_task("make")}, **ON_X)
    graph, pipeline = read(spec(dag({"make": task("make"), "use": conditional}), {"make": MAKE, "use": USE}))
    assert [(each.name, each.role) for each in graph.tasks["use"].steps] == [
        ("use/condition", Role.CONTROL),
        ("use", Role.CONTAINER),
    ]
    assert pipeline.entries["use"].executor == "exec-use"


def test_an_artifact_that_a_unit_is_given_is_brought_even_if_nothing_inside_reads_it() -> None:
    """Its task names it, so Kubeflow resolves it; the unit's control step answers for its rules."""
    body = dag({"other": task("make")}, parameters=["x"], artifacts=["unused"])
    given = group("body", parameters={"x": constant("yes")}, artifacts={"unused": artifact_of("make")}, **ON_X)
    graph, _ = read(spec(dag({"make": task("make"), "if": given}), {"make": MAKE, "body": body}))
    assert graph.tasks["if"].reads == ("make.out",)
    assert graph.tasks["if"].steps[0].reads[0].datum == "make.out"


def test_a_parameter_that_a_unit_is_given_is_handed_over_even_if_nothing_inside_reads_it() -> None:
    """In a loop, a condition and the body of an exit handler, and where only an importer inside takes it."""
    take = {"make": MAKE, "use": USE, "bring": leaf("exec-bring", parameters=["x"], gives=[], makes=["artifact"])}
    importer = {"exec-bring": {"importer": {"artifactUri": {"runtimeParameter": "x"}}}}
    given = {"parameters": {"p": from_task("make")}}
    bodies = {
        "body": dag({"other": task("make")}, parameters=["p"]),
        "bringing": dag({"bring": task("bring", parameters={"x": from_input("p")})}, parameters=["p"]),
    }
    root = dag(
        {
            "make": task("make"),
            "loop": group("body", **given, **over("[1, 2]")),
            "if": group("body", **given, triggerPolicy={"condition": "'a' == 'a'"}),
            "exit-handler-1": group("body", **given),
            "end": task("make", after=["exit-handler-1"], **ALL),
            "import": group("bringing", **given, triggerPolicy={"condition": "'a' == 'a'"}),
        }
    )
    graph, _ = read(spec(root, {**take, **bodies}, importer))
    for name in ("loop", "if", "exit-handler-1", "import"):
        control = graph.tasks[name].steps[0]
        assert (control.name, control.role, control.parameters_from) == (name, Role.CONTROL, ("make",))


def test_a_nested_pipeline_inside_of_a_unit_is_not_placed_apart() -> None:
    """Only what is outside of every unit is."""
    nested = dag({"make": task("make")}, parameters=["p"])
    body = dag({"nested": task("nested", parameters={"p": from_input("item")})}, parameters=["item"])
    graph, pipeline = read(
        spec(dag({"loop": group("body", **over("[1]"))}), {"make": MAKE, "nested": nested, "body": body})
    )
    assert [each.name for each in graph.tasks["loop"].steps] == ["loop/nested/make"]
    assert pipeline.entries["loop"].components == ("body", "make", "nested")


NESTED = spec(
    dag({"nested": task("nested")}),
    {
        "make": MAKE,
        "body": dag({"a": task("make"), "b": task("make")}, parameters=["item"]),
        "nested": dag({"loop": group("body", **over("[1, 2, 3]")), "make": task("make")}),
    },
)


@pytest.mark.parametrize(
    ("hints", "wall", "work"),
    [
        ({}, 60, 3 * (60 + 60)),
        ({"nested": TaskHint(seconds=30)}, 30, 3 * (30 + 30)),
        ({"nested": TaskHint(seconds=30), "nested/loop/a": TaskHint(seconds=5)}, 30, 3 * (5 + 30)),
        ({"nested": TaskHint(seconds=30), "nested/loop": TaskHint(seconds=7)}, 7, 7),
        ({"nested": TaskHint(seconds=30, cpu=2), "nested/loop": TaskHint(cpu=4)}, 30, 4 * 3 * (30 + 30)),
        ({"nested": TaskHint(cpu=2), "nested/loop": TaskHint(seconds=7)}, 7, 2 * 7),
        ({"nested": TaskHint(seconds=30, iterations=5)}, 30, 5 * (30 + 30)),
        ({"nested/loop": TaskHint(seconds=7), "nested/loop/a": TaskHint(seconds=5)}, 7, 7),
    ],
    ids=["nothing", "each", "one inside", "the unit", "cores", "wall and cores", "iterations", "the unit's own counts"],
)
def test_a_hint_on_a_nested_pipeline_goes_to_each_task_inside_of_its_units(
    hints: dict[str, TaskHint], wall: float, work: float
) -> None:
    """Where nothing nearer says otherwise; a unit's own seconds are its wall time."""
    graph, _ = read(NESTED, hints=Hints(tasks=hints))
    assert set(graph.tasks) == {"nested/loop", "nested/make"}
    assert (graph.tasks["nested/loop"].seconds, graph.tasks["nested/loop"].cpu_seconds) == (wall, work)
    said = hints.get("nested", TaskHint()).seconds
    assert graph.tasks["nested/make"].seconds == (60 if said is None else said)
    assert ("seconds" in graph.tasks["nested/loop"].assumed) is (not any(each.seconds for each in hints.values()))


def test_a_hint_on_a_nested_pipeline_times_a_condition_of_one_container() -> None:
    """Which is the task inside of it."""
    conditional = group("use", parameters={"x": constant("a")}, **ON_X, **over("[1, 2]"))
    nested = dag({"use": conditional})
    graph, _ = read(
        spec(dag({"nested": task("nested")}), {"use": USE, "nested": nested}),
        hints=Hints(tasks={"nested": TaskHint(seconds=30)}),
    )
    assert (graph.tasks["nested/use"].seconds, graph.tasks["nested/use"].cpu_seconds) == (30, 60)


def test_a_static_empty_loop_takes_no_time() -> None:
    """No items, no seconds: nothing is assumed about how often."""
    body = dag({"make": task("make")}, parameters=["item"])
    graph, _ = read(spec(dag({"loop": group("body", **over("[]"))}), {"make": MAKE, "body": body}))
    assert graph.tasks["loop"].seconds == 0
