"""Nested pipelines are taken apart; every edge finds its two ends."""

from pipeline_splitter.graph import ParameterEdge
from pipeline_splitter.kfp.pipeline import Absent, Constant, PipelineInput, Several, TaskOutput
from tests.pipeline_splitter.kfp.ir import (
    artifact_input,
    artifact_of,
    constant,
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


def test_an_artifact_a_parameter_and_an_order_edge_between_two_tasks() -> None:
    """The three kinds of edges, each in its own place."""
    root = dag(
        {
            "first": task("make"),
            "second": task("use", artifacts={"a": artifact_of("first")}),
            "third": task("use", parameters={"x": from_task("first")}),
            "fourth": task("make", after=["third"]),
        }
    )
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE}))
    assert list(graph.tasks) == ["first", "fourth", "second", "third"]
    assert graph.tasks["second"].reads == ("first.out",)
    assert graph.data["first.out"].producer == "first"
    assert graph.parameters == (ParameterEdge("first", "Output", "third", "x"),)
    assert graph.order == {("third", "fourth")}
    assert graph.edges() == {("first", "second"), ("first", "third"), ("third", "fourth")}
    assert list(pipeline.entries) == ["first", "second", "third", "fourth"]


def test_a_chain_of_nested_pipelines_resolves_to_the_tasks_at_its_ends() -> None:
    """What comes out of an inner-most task and goes into another inner-most one has neither wrapper in between."""
    core = dag({"make": task("make")}, makes={"result": [("make", "out")]})
    mantle = dag({"core": task("core")}, makes={"result": [("core", "result")]})
    eater = dag({"use": task("use", artifacts={"a": artifact_input("food")})}, artifacts=["food"])
    root = dag({"mantle": task("mantle"), "eater": task("eater", artifacts={"food": artifact_of("mantle", "result")})})
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE, "core": core, "mantle": mantle, "eater": eater}))
    assert set(graph.tasks) == {"mantle/core/make", "eater/use"}
    assert graph.tasks["eater/use"].reads == ("mantle/core/make.out",)
    assert pipeline.entries["eater/use"].artifacts["a"].source == TaskOutput("mantle/core/make", "out")
    assert pipeline.entries["eater/use"].enclosing == (root["dag"]["tasks"]["eater"],)


def test_order_on_a_nested_pipeline_is_order_on_every_task_inside() -> None:
    """Whoever waits for a nested pipeline waits for all of it, and all of it waits for whatever it waits for."""
    pair = dag({"a": task("make"), "b": task("make")})
    root = dag({"before": task("make"), "pair": task("pair", after=["before"]), "after": task("make", after=["pair"])})
    graph, pipeline = read(spec(root, {"make": MAKE, "pair": pair}))
    assert graph.order == {
        ("before", "pair/a"), ("before", "pair/b"), ("pair/a", "after"), ("pair/b", "after"),
    }  # fmt: skip
    assert pipeline.entries["after"].after == ("pair/a", "pair/b")


def test_an_empty_nested_pipeline_passes_order_on() -> None:
    """Nothing inside: who waits for it waits for what it waits for."""
    root = dag({"a": task("make"), "hollow": task("hollow", after=["a"]), "b": task("make", after=["hollow"])})
    graph, _ = read(spec(root, {"make": MAKE, "hollow": dag({})}))
    assert graph.order == {("a", "b")}


def test_what_feeds_a_parameter() -> None:
    """Constants, the pipeline's inputs, defaults of a nested pipeline, and what nobody gives."""
    inner = dag(
        {name: task("use", parameters={"x": from_input(name)}) for name in ("said", "root", "default", "nothing")},
        parameters={
            "said": {}, "root": {}, "default": {"defaultValue": "d"}, "nothing": {"isOptional": True},
        },
    )  # fmt: skip
    root = dag(
        {"inner": task("inner", parameters={"said": constant(3), "root": from_input("p")})},
        parameters={"p": {"defaultValue": 7}},
    )
    _, pipeline = read(spec(root, {"use": USE, "inner": inner}))
    sources = {name: entry.parameters["x"].source for name, entry in pipeline.entries.items()}
    assert sources == {
        "inner/said": Constant(3),
        "inner/root": PipelineInput("p"),
        "inner/default": Constant("d"),
        "inner/nothing": Absent(),
    }
    assert pipeline.entries["inner/default"].parameters["x"].raw == from_input("default")


def test_a_default_of_its_own_component_needs_no_binding() -> None:
    """It is in the entry, without a raw binding; an optional input that nobody gives is not."""
    use = leaf("exec-use", parameters={"x": {"defaultValue": 1}, "y": {"isOptional": True}})
    _, pipeline = read(spec(dag({"t": task("use")}), {"use": use}))
    binding = pipeline.entries["t"].parameters["x"]
    assert (binding.source, binding.raw) == (Constant(1), None)
    assert "y" not in pipeline.entries["t"].parameters


def test_selectors_add_up_on_the_way() -> None:
    """An expression of the wrapper's task, then that of the task inside."""
    inner = dag(
        {"use": task("use", parameters={"x": {**from_input("p"), "parameterExpressionSelector": "second"}})},
        parameters=["p"],
    )
    bound = {**from_task("make"), "parameterExpressionSelector": "first"}
    root = dag({"make": task("make"), "inner": task("inner", parameters={"p": bound})})
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE, "inner": inner}))
    assert pipeline.entries["inner/use"].parameters["x"].selectors == ("first", "second")
    assert graph.parameters == (ParameterEdge("make", "Output", "inner/use", "x"),)


def test_a_constant_that_mentions_an_input_of_the_wrapper_depends_on_it() -> None:
    """The SDK writes an f-string as a constant with a placeholder and the value as an input beside it."""
    inner = dag({"use": task("use", parameters={"x": from_input("p")})}, parameters=["p"])
    mention = {"p": constant("run {{$.inputs.parameters['chan']}}"), "chan": from_task("make")}
    root = dag({"make": task("make"), "inner": task("inner", parameters=mention)})
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE, "inner": inner}))
    assert graph.parameters == (ParameterEdge("make", "Output", "inner/use", "chan"),)
    assert step(graph, "inner/use").parameters_from == ("make",)
    binding = pipeline.entries["inner/use"].parameters["x"]
    assert binding.placeholders["chan"].source == TaskOutput("make", "Output")


def test_a_placeholder_of_the_entry_s_own_task_is_left_to_its_own_inputs() -> None:
    """What it mentions is bound beside it, and moves with it."""
    mention = {"x": constant("run {{$.inputs.parameters['chan']}}"), "chan": from_task("make")}
    root = dag({"make": task("make"), "use": task("use", parameters=mention)})
    graph, pipeline = read(spec(root, {"make": MAKE, "use": USE}))
    assert not pipeline.entries["use"].parameters["x"].placeholders
    assert pipeline.entries["use"].parameters["chan"].source == TaskOutput("make", "Output")
    assert ParameterEdge("make", "Output", "use", "chan") in graph.parameters


def test_an_artifact_output_made_of_several_is_several_reads() -> None:
    """A nested pipeline's list of two artifacts."""
    pair = dag({"a": task("make"), "b": task("make")}, makes={"both": [("a", "out"), ("b", "out")]}, lists=["both"])
    use = leaf("exec-use", artifacts={"a": {"isArtifactList": True}})
    root = dag({"pair": task("pair"), "use": task("use", artifacts={"a": artifact_of("pair", "both")})})
    graph, pipeline = read(spec(root, {"make": MAKE, "use": use, "pair": pair}))
    assert graph.tasks["use"].reads == ("pair/a.out", "pair/b.out")
    assert [each.is_list for each in read_of(graph, "use", "a")] == [True, True]
    both = Several((TaskOutput("pair/a", "out"), TaskOutput("pair/b", "out")))
    assert pipeline.entries["use"].artifacts["a"].source == both
    assert frozenset({"pair/a", "use"}) in graph.together


def test_outputs_of_the_whole_pipeline_are_resolved() -> None:
    """The root's outputs name the tasks that make them."""
    inner = dag(
        {"make": task("make")},
        gives={"p": {"valueFromParameter": {"producerSubtask": "make", "outputParameterKey": "Output"}}},
    )
    root = dag(
        {"inner": task("inner")},
        gives={"answer": {"valueFromParameter": {"producerSubtask": "inner", "outputParameterKey": "p"}}},
    )
    _, pipeline = read(spec(root, {"make": MAKE, "inner": inner}))
    assert pipeline.output_parameters["answer"].source == TaskOutput("inner/make", "Output")


def test_one_component_used_twice_is_two_tasks() -> None:
    """Two tasks may share a component and its executor."""
    inner = dag({"use": task("use")})
    root = dag({"a": task("inner"), "b": task("inner"), "g": group("inner")})
    graph, pipeline = read(spec(root, {"use": leaf("exec-use"), "inner": inner}))
    assert set(graph.tasks) == {"a/use", "b/use", "g/use"}
    assert {entry.executor for entry in pipeline.entries.values()} == {"exec-use"}


def test_documents_wrapped_or_in_another_order() -> None:
    """`pipelineSpec` with `runtimeConfig` beside it; the platform document first."""
    plain = spec(dag({"t": task("use")}), {"use": leaf("exec-use")})
    wrapped = {"pipelineSpec": plain, "runtimeConfig": {"parameterValues": {}}}
    graph, pipeline = read({"platforms": {"kubernetes": {}}}, wrapped)
    assert list(graph.tasks) == ["t"]
    assert pipeline.spec == plain
    assert pipeline.runtime_config == {"parameterValues": {}}
    assert pipeline.platform == {"platforms": {"kubernetes": {}}}
