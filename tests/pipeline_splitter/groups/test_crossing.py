"""What crosses between groups: its names, importers' places, channels of units, and that order means nothing."""

from typing import Any

import pytest

from moorage.errors import InputError
from pipeline_splitter.groups import unsaid
from pipeline_splitter.groups.names import Names, parameter_name, task_name
from pipeline_splitter.plan import Export, Group, Import
from tests.pipeline_splitter.groups import splitting
from tests.pipeline_splitter.kfp import ir


def split(spec: ir.Raw, **sites: str) -> tuple[dict[str, Any], dict[str, Group]]:
    """Specs and groups by id; tasks are at eu-1, but for those whose last word says something else."""
    graph, pipeline = ir.read(spec)
    files, groups = splitting.split(graph, pipeline, lambda _, name: sites.get(name.rpartition("/")[2], "eu-1"))
    return {group.id: splitting.documents(files[group.file])[0] for group in groups}, {each.id: each for each in groups}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train", "train"),
        ("Odd_name", "Odd_name"),
        ("outer/train", "outer-train"),
        ("outer/in.ner/Odd_name", "outer-in-ner-odd-name"),
    ],
)
def test_names_of_tasks(path: str, name: str) -> None:
    """At the root as they were; else the path, in characters that Argo takes."""
    assert task_name(path) == name


def test_long_names_end_in_a_digest() -> None:
    """Argo takes 128 characters, and kfp puts a word behind a task's name."""
    path = "outer/" + "b" * 120
    assert len(task_name(path)) == 100
    assert task_name(path) != task_name(f"{path}b")


def test_names_of_parameters_and_of_equals() -> None:
    """Python's words, without what kfp reads a meaning into; who comes second gets a number."""
    assert parameter_name("outer/train.model-Output") == "outer_train_model_Output"
    assert parameter_name("1/x.y") == "n_1_x_y"
    names = Names(["train"])
    assert [names.take("train"), names.take("train"), names.take("other")] == ["train-2", "train-3", "other"]


TYPED = {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}
CHAIN = ir.spec(
    ir.dag(
        {
            "make": ir.task("comp-make"),
            "one": ir.task(
                "comp-read",
                parameters={"value": ir.from_task("make")},
                artifacts={"rows": ir.artifact_of("make", "model")},
                after=["make"],
            ),
            "two": ir.task(
                "comp-read",
                parameters={"value": ir.from_task("make")},
                artifacts={"rows": ir.artifact_of("make", "model")},
                after=["make", "one"],
            ),
        },
        parameters=["make_Output"],
    ),
    {
        "comp-make": ir.leaf("exec-make", makes={"model": {"artifactType": TYPED, "metadata": {"framework": "none"}}}),
        "comp-read": ir.leaf("exec-read", parameters=["value"], artifacts=["rows"]),
    },
)


def test_an_artifact_and_a_parameter_cross_once_for_each_group() -> None:
    """Two readers, one importer, of the type and metadata that its maker declares; no name of the pipeline is taken."""
    specs, groups = split(CHAIN, one="us-1", two="us-1")
    assert groups["us-1-1"].imports == (
        Import("make_Output_2", "eu-1-1", value="make.Output"),
        Import("make_model_uri", "eu-1-1", artifact="make.model"),
    )
    assert groups["eu-1-1"].exports == (
        Export("make_Output", value="make.Output"),
        Export("make_model", artifact="make.model"),
    )
    tasks = specs["us-1-1"]["root"]["dag"]["tasks"]
    assert set(tasks) == {"one", "two", "import-make-model"}
    assert tasks["two"]["dependentTasks"] == ["import-make-model", "one"]
    (importer,) = [
        each["importer"] for each in specs["us-1-1"]["deploymentSpec"]["executors"].values() if "importer" in each
    ]
    assert importer == {
        "artifactUri": {"runtimeParameter": "uri"},
        "metadata": {"framework": "none"},
        "reimport": False,
        "typeSchema": TYPED,
    }
    assert specs["eu-1-1"]["root"]["outputDefinitions"]["artifacts"]["make_model"]["artifactType"] == TYPED


def test_a_group_has_those_inputs_of_the_pipeline_that_it_uses() -> None:
    """With type, default and all else that is said of them."""
    definition = {"parameterType": "LIST", "defaultValue": [1], "isOptional": True, "description": "numbers"}
    spec = ir.spec(
        ir.dag(
            {
                "one": ir.task("comp-read", parameters={"value": ir.from_input("numbers")}),
                "two": ir.task("comp-read", parameters={"value": ir.constant("x")}),
            },
            parameters={"numbers": definition, "unused": definition},
        ),
        {"comp-read": ir.leaf("exec-read", parameters=["value"])},
    )
    specs, _ = split(spec, two="us-1")
    assert specs["eu-1-1"]["root"]["inputDefinitions"] == {"parameters": {"numbers": definition}}
    assert "inputDefinitions" not in specs["us-1-1"]["root"]


def test_importers_stand_where_they_are_read() -> None:
    """In both groups of their readers; one that nobody reads, where its URI is made."""
    leaf = ir.leaf("exec-importer", parameters=["uri"], gives=(), makes=["artifact"])
    rows = {"rows": ir.artifact_of("shared", "artifact")}
    spec = ir.spec(
        ir.dag(
            {
                "name": ir.task("comp-name"),
                "shared": ir.task("comp-importer", parameters={"uri": ir.from_task("name")}, after=["name"]),
                "unread": ir.task("comp-importer", parameters={"uri": ir.from_task("name")}, after=["name"]),
                "one": ir.task("comp-read", artifacts=rows, after=["shared"]),
                "two": ir.task("comp-read", artifacts=rows, after=["shared", "unread"]),
            }
        ),
        {
            "comp-name": ir.leaf("exec-name"),
            "comp-importer": leaf,
            "comp-read": ir.leaf("exec-read", artifacts=["rows"]),
        },
        {"exec-importer": ir.importer({"runtimeParameter": "uri"})},
    )
    specs, groups = split(spec, one="ap-1", two="us-1")
    names = {group: set(each["root"]["dag"]["tasks"]) for group, each in specs.items()}
    assert names == {"ap-1-1": {"shared", "one"}, "eu-1-1": {"name", "unread"}, "us-1-1": {"shared", "two"}}
    assert groups["us-1-1"].imports == (Import("name_Output", "eu-1-1", value="name.Output"),)
    assert specs["us-1-1"]["root"]["dag"]["tasks"]["two"]["dependentTasks"] == ["shared"]


CONDITION = "inputs.parameter_values['pipelinechannel--{}'] == 'heads'"


def conditional(source: ir.Raw, channel: str) -> ir.Raw:
    """A nested pipeline with a condition on a coin; the coin is tossed there, or given."""
    name = f"pipelinechannel--{channel}"
    return ir.spec(
        ir.dag(
            {
                "sub": ir.task("comp-sub", parameters={"side": ir.constant("heads")}),
                "other": ir.task("comp-toss"),
            }
        ),
        {
            "comp-sub": ir.dag(
                {
                    "toss": ir.task("comp-toss"),
                    "when": ir.group(
                        "comp-when",
                        parameters={name: source},
                        after=["toss"],
                        triggerPolicy={"condition": CONDITION.format(channel)},
                    ),
                },
                parameters=["side"],
            ),
            "comp-when": ir.dag(
                {
                    "inner": ir.group(
                        "comp-inner",
                        parameters={name: ir.from_input(name)},
                        triggerPolicy={"condition": CONDITION.format(channel)},
                    )
                },
                parameters=[name],
            ),
            "comp-inner": ir.dag(
                {"say": ir.task("comp-say", parameters={"text": ir.from_input(name)})}, parameters=[name]
            ),
            "comp-toss": ir.leaf("exec-toss"),
            "comp-say": ir.leaf("exec-say", parameters=["text"]),
        },
    )


@pytest.mark.parametrize(
    ("site", "group", "channel"), [("eu-1", "eu-1-1", "sub-toss-Output"), ("us-1", "us-1-1", "sub_toss_Output")]
)
def test_a_condition_finds_its_operand_by_name(site: str, group: str, channel: str) -> None:
    """The channel is named after what feeds it now, all the way down: kfp's local runner goes by that."""
    specs, _ = split(conditional(ir.from_task("toss"), "toss-Output"), when=site, other="ap-1")
    name = f"pipelinechannel--{channel}"
    task = specs[group]["root"]["dag"]["tasks"]["sub-when"]
    assert task["triggerPolicy"]["condition"] == CONDITION.format(channel)
    assert set(task["inputs"]["parameters"]) == {name}
    assert set(specs[group]["components"]["comp-when"]["inputDefinitions"]["parameters"]) == {name}
    inner = specs[group]["components"]["comp-when"]["dag"]["tasks"]["inner"]
    assert inner["triggerPolicy"]["condition"] == CONDITION.format(channel)
    assert inner["inputs"]["parameters"] == {name: {"componentInputParameter": name}}


def test_a_condition_on_a_constant_of_the_pipeline_around_says_it() -> None:
    """There is no input left that has its name."""
    specs, _ = split(conditional(ir.from_input("side"), "side"), when="us-1")
    task = specs["us-1-1"]["root"]["dag"]["tasks"]["sub-when"]
    assert task["triggerPolicy"]["condition"] == "'heads' == 'heads'"
    assert task["inputs"]["parameters"] == {"pipelinechannel--side": ir.constant("heads")}


def test_a_list_that_only_a_nested_pipeline_can_make_is_refused_by_name() -> None:
    """The message says which input, and what to do."""
    spec = ir.spec(
        ir.dag(
            {
                "sub": ir.task("comp-sub"),
                "read": ir.task("comp-read", artifacts={"rows": ir.artifact_of("sub", "both")}, after=["sub"]),
                "other": ir.task("comp-one"),
            }
        ),
        {
            "comp-sub": ir.dag(
                {"a": ir.task("comp-one"), "b": ir.task("comp-one")}, makes={"both": [("a", "out"), ("b", "out")]}
            ),
            "comp-one": ir.leaf("exec-one"),
            "comp-read": ir.leaf("exec-read", artifacts={"rows": {"isArtifactList": True}}),
        },
    )
    with pytest.raises(InputError, match="task read, input rows: is a list made of several tasks' artifacts"):
        split(spec, other="us-1")


def test_values_in_metadata_that_stay_behind_are_told() -> None:
    """Only where metrics cross."""
    spec = {**CHAIN, "components": {**CHAIN["components"]}}
    kind = {"schemaTitle": "system.Metrics", "schemaVersion": "0.0.1"}
    spec["components"]["comp-make"] = ir.leaf("exec-make", makes={"model": {"artifactType": kind}})
    graph, pipeline = ir.read(spec)
    apart = splitting.plan_of(graph, lambda _, name: "us-1" if name == "two" else "eu-1")
    (sentence,) = unsaid(pipeline, graph, apart)
    assert sentence.startswith("make.model goes to group us-1-1 as a file")
    assert unsaid(pipeline, graph, splitting.plan_of(graph, splitting.one_site)) == ()


def turned(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """A raw value with every mapping in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in reversed(value.items())}
    return [turned(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("spec", [CHAIN, conditional(ir.from_task("toss"), "toss-Output")])
def test_the_order_in_the_file_changes_nothing(spec: ir.Raw) -> None:
    """The same bytes, whatever stood first."""
    one, other = (splitting.split(*ir.read(each)) for each in (spec, turned(spec)))
    assert one == other
