"""Schema 2.0 is written as 2.1.0, with what stood beside it."""

from typing import Any

import pytest

from pipeline_splitter.groups.modern import modern_spec, modern_task
from pipeline_splitter.hints import Hints, TaskHint
from tests.pipeline_splitter.checking.plans import compiled, make
from tests.pipeline_splitter.groups import splitting
from tests.pipeline_splitter.kfp import ir

PARAMETERS: dict[str, ir.Raw] = {
    "text": {"type": "STRING"},
    "number": {"type": "INT"},
    "share": {"type": "DOUBLE"},
    "digits": {"type": "STRING"},
}


def old() -> ir.Raw:
    """A pipeline of schema 2.0."""
    return {
        **ir.spec(
            ir.dag(
                {
                    "only": ir.task(
                        "comp-only",
                        parameters={
                            "text": ir.from_input("text"),
                            "number": {"runtimeValue": {"constantValue": {"intValue": "3"}}},
                            "share": {"runtimeValue": {"constantValue": {"doubleValue": 0.5}}},
                            "digits": {"runtimeValue": {"constantValue": {"stringValue": "007"}}},
                        },
                    )
                },
                parameters={"text": {"type": "STRING"}},
            ),
            {"comp-only": ir.leaf("exec-only", parameters=PARAMETERS)},
        ),
        "schemaVersion": "2.0.0",
    }


def test_what_stands_beside_a_wrapped_spec_becomes_its_defaults() -> None:
    """Values of its inputs, and the root of its artifacts."""
    config = {"parameters": {"text": {"stringValue": "hello"}}, "gcsOutputDirectory": "s3://bucket/root"}
    _, pipeline = ir.read({"pipelineSpec": old(), "runtimeConfig": config})
    spec = modern_spec(pipeline)
    assert spec["defaultPipelineRoot"] == "s3://bucket/root"
    assert spec["root"]["inputDefinitions"]["parameters"] == {
        "text": {"parameterType": "STRING", "defaultValue": "hello", "isOptional": True}
    }


@pytest.mark.parametrize("site", [splitting.one_site, splitting.alternating])
def test_types_and_constants(site: Any) -> None:  # noqa: ANN401 - a placement
    """As 2.1 spells them, nested or flat."""
    raw = old()
    raw["root"]["dag"]["tasks"]["twin"] = ir.task("comp-twin")
    raw["components"]["comp-twin"] = ir.leaf("exec-only")
    files, groups = splitting.split(*ir.read(raw), site)
    assert len(groups) == (1 if site is splitting.one_site else 2)
    spec = splitting.documents(files["groups/eu-1-1.yaml"])[0]
    assert spec["schemaVersion"] == "2.1.0"
    assert spec["components"]["comp-only"]["inputDefinitions"]["parameters"] == {
        "digits": {"parameterType": "STRING"},
        "number": {"parameterType": "NUMBER_INTEGER"},
        "share": {"parameterType": "NUMBER_DOUBLE"},
        "text": {"parameterType": "STRING"},
    }
    given = spec["root"]["dag"]["tasks"]["only"]["inputs"]["parameters"]
    constants = {"number": ir.constant(3), "share": ir.constant(0.5), "digits": ir.constant("007")}
    assert given == {"text": ir.from_input("text"), **constants}


def test_the_check_reads_older_constants_as_what_they_are_written_as() -> None:
    """In groups, and in the nested form of a whole pipeline; a constant that comes from an enclosing pipeline, too."""
    inner = ir.dag(
        {"only": ir.task("comp-only", parameters={"number": {"componentInputParameter": "many"}})},
        parameters={"many": {"type": "INT"}},
    )
    given = {"many": {"runtimeValue": {"constantValue": {"intValue": "-12"}}}}
    raw = old()
    raw["root"]["dag"]["tasks"]["nested"] = ir.task("inner", parameters=given)
    raw["components"]["inner"] = inner
    for sites in ({}, {"only": "eu-1", "nested/only": "us-1"}):
        hints = Hints(tasks={name: TaskHint(sites=frozenset({site})) for name, site in sites.items()})
        made = make(compiled(raw, hints=hints))
        assert len(made.inputs.graph.tasks) == 2
        assert made.findings() == ()
    spec = splitting.documents(made.files["groups/us-1-1.yaml"])[0]
    assert spec["root"]["dag"]["tasks"]["nested-only"]["inputs"]["parameters"] == {"number": ir.constant(-12)}


@pytest.mark.parametrize(
    ("old_condition", "condition"),
    [
        ("inputs.parameters['x'].string_value == 'a'", "inputs.parameter_values['x'] == 'a'"),
        ("inputs.parameters['x'].int_value > 1", "int(inputs.parameter_values['x']) > 1"),
        ("inputs.parameters['x'].double_value < 0.5", "inputs.parameter_values['x'] < 0.5"),
    ],
)
def test_conditions_name_their_operands_anew(old_condition: str, condition: str) -> None:
    """The value itself instead of a field of it."""
    assert modern_task({"triggerPolicy": {"condition": old_condition}}) == {"triggerPolicy": {"condition": condition}}
