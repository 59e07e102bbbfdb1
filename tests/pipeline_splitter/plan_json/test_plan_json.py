"""plan.json and infeasible.json: to the letter, valid by their schemas, and back without loss."""

import json
import os
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.model import Classification, Component, DatasetRef, Governance, Release
from moorage.objectives import OBJECTIVES, priced
from pipeline_splitter.graph import DatumKind
from pipeline_splitter.plan import (
    Alternative,
    Denial,
    Export,
    Group,
    Import,
    Infeasible,
    InsertedRelease,
    ObjectiveResult,
    Plan,
    PlannedTask,
    Transfer,
)
from pipeline_splitter.plan_json import read_infeasible, read_plan, write_infeasible, write_plan
from tests.plan_stories import hospitals

GOLDEN = Path(__file__).parent / "golden"

TEXT = st.text(max_size=12)
WORDS = st.lists(TEXT, max_size=3).map(tuple)
COST = st.floats(min_value=0, allow_infinity=False, allow_nan=False)
COSTS = st.fixed_dictionaries({each.name: COST for each in priced()})
NUMBER = st.floats(allow_infinity=False, allow_nan=False)
NAMES = st.none() | st.frozensets(st.text(min_size=1, max_size=4), max_size=3)
REFS = st.builds(DatasetRef, st.text("abc", min_size=1, max_size=3), st.text("abc-/", min_size=1, max_size=3))
GOVERNANCE = st.builds(
    Governance,
    classification=st.sampled_from(Classification),
    residency=NAMES,
    sites_allow=NAMES,
    sites_deny=st.frozensets(TEXT, max_size=2),
    purposes=NAMES,
    consumers=NAMES,
    confidential_compute=st.booleans(),
)
ALTERNATIVES = st.builds(Alternative, TEXT, cost_delta=NUMBER) | st.builds(
    Alternative, TEXT, denied=st.builds(Denial, st.just("Pinned"), TEXT, st.none() | REFS)
)
PLANS = st.builds(
    Plan,
    TEXT,
    st.just("0" * 64),
    st.lists(
        st.builds(
            ObjectiveResult, st.sampled_from(tuple(OBJECTIVES)), COST, NUMBER, COST, st.booleans(), st.booleans(), TEXT
        ),
        max_size=2,
    ).map(tuple),
    st.fixed_dictionaries(dict.fromkeys(OBJECTIVES, COST)),
    st.lists(
        st.builds(
            PlannedTask,
            TEXT,
            TEXT,
            TEXT,
            COST,
            COST,
            TEXT,
            st.dictionaries(REFS, GOVERNANCE, max_size=2),
            WORDS,
            st.booleans(),
            st.lists(ALTERNATIVES, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(
        st.builds(Transfer, st.sampled_from(DatumKind), TEXT, TEXT, TEXT, COST, COST, COSTS, WORDS), max_size=2
    ).map(tuple),
    st.lists(
        st.builds(
            Group,
            TEXT,
            TEXT,
            WORDS,
            WORDS,
            TEXT,
            st.lists(st.builds(Import, TEXT, TEXT, artifact=TEXT) | st.builds(Import, TEXT, TEXT, value=TEXT)).map(
                tuple
            ),
            st.lists(st.builds(Export, TEXT, artifact=TEXT) | st.builds(Export, TEXT, value=TEXT)).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(InsertedRelease, REFS, TEXT, TEXT, TEXT, TEXT, WORDS), max_size=2).map(tuple),
    WORDS,
)


def schema(name: str) -> dict[str, Any]:
    """A published schema."""
    found: dict[str, Any] = json.loads((resources.files("pipeline_splitter") / name).read_text("utf-8"))
    return found


PLAN_SCHEMA = jsonschema.Draft202012Validator(schema("plan.schema.json"))
INFEASIBLE_SCHEMA = jsonschema.Draft202012Validator(schema("infeasible.schema.json"))

INFEASIBLE = Infeasible(
    (
        {"message": "task train reads dataset a/b", "dataset": "a/b", "task": "train"},
        {"task": "train", "site": "us-1", "pin": "hint sites", "message": "task train is tied to us-1 by hint sites"},
    ),
    ({"message": "let task train accept a/b in the form pseudonymise", "acceptance": "a/b/pseudonymise"},),
)


@given(PLANS)
def test_what_is_written_is_read_back(plan: Plan) -> None:
    """Whatever the plan: writing and reading gives it again, and the text is valid by the schema."""
    text = write_plan(plan)
    assert read_plan(text) == plan
    assert read_plan(text.encode()) == plan
    PLAN_SCHEMA.validate(json.loads(text))


@given(PLANS)
def test_the_same_plan_gives_the_same_bytes(plan: Plan) -> None:
    """Writing what was read changes nothing."""
    text = write_plan(plan)
    assert write_plan(read_plan(text)) == text


@pytest.mark.parametrize("name", ["plan.schema.json", "infeasible.schema.json"])
def test_the_schemas_are_schemas_and_describe_every_field(name: str) -> None:
    """They are valid by their own dialect, and no field is without a description."""
    raw = schema(name)
    jsonschema.Draft202012Validator.check_schema(raw)

    def undescribed(node: Any, path: str) -> list[str]:  # noqa: ANN401 - raw JSON
        missing = []
        for key, field in node.get("properties", {}).items():
            words = {"description", "$ref", "const"}
            # The three kinds of `what` are described together.
            if not words & set(field) and not path.endswith("what"):
                missing.append(f"{path}.{key}")
            missing += undescribed(field, f"{path}.{key}")
        for key, field in node.get("$defs", {}).items():
            missing += undescribed(field, key)
        return missing

    assert undescribed(raw, "") == []


def golden(name: str, text: str) -> None:
    """Compare with the file of that name; MOORAGE_WRITE_GOLDEN=1 writes it."""
    path = GOLDEN / name
    if os.environ.get("MOORAGE_WRITE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_a_plan_is_written_to_the_letter() -> None:
    """The hospitals' plan, byte for byte."""
    golden("plan.json", write_plan(hospitals()[0]))


def test_an_explanation_is_written_to_the_letter() -> None:
    """Facts and remedies, words in order, the message last; valid, and read back."""
    text = write_infeasible(INFEASIBLE)
    golden("infeasible.json", text)
    INFEASIBLE_SCHEMA.validate(json.loads(text))
    assert read_infeasible(text) == INFEASIBLE


def test_an_explanation_that_was_not_settled_says_so() -> None:
    """Valid, sorted, and read back; other words are not valid."""
    late = replace(INFEASIBLE, undecided=("remedies", "facts"))
    text = write_infeasible(late)
    INFEASIBLE_SCHEMA.validate(json.loads(text))
    assert read_infeasible(text) == replace(late, undecided=("facts", "remedies"))
    assert not INFEASIBLE_SCHEMA.is_valid({**json.loads(text), "undecided": ["all"]})


def test_an_empty_plan_is_a_plan() -> None:
    """No tasks: cost 0, empty lists."""
    plan = Plan("nothing", "0" * 64, (), dict.fromkeys(OBJECTIVES, 0.0), (), (), ())
    raw = json.loads(write_plan(plan))
    assert raw["costs"] == {"bytes": 0, "money": 0, "carbon": 0, "time": 0}
    assert read_plan(write_plan(plan)) == plan


def test_declared_releases_are_not_carried() -> None:
    """What a dataset declares is no part of what its data carry."""
    plan = hospitals()[0]
    ref, governance = next(iter(plan.tasks[0].governance.items()))
    declaring = replace(governance, releases=(Release("mask", Component("mask:1"), Governance()),))
    written = write_plan(replace(plan, tasks=(replace(plan.tasks[0], governance={ref: declaring}),)))
    assert "mask" not in written
    assert read_plan(written).tasks[0].governance == {ref: governance}


def test_nowhere_and_anywhere_differ() -> None:
    """An empty list means nowhere or nobody; absent means any."""
    plan = hospitals()[0]
    nowhere = Governance(residency=frozenset(), sites_allow=frozenset(), purposes=frozenset(), consumers=frozenset())
    refs = DatasetRef("a", "nowhere"), DatasetRef("a", "anywhere")
    task = replace(plan.tasks[0], governance={refs[0]: nowhere, refs[1]: Governance()})
    written = json.loads(write_plan(replace(plan, tasks=(task,))))["tasks"][0]["governance"]
    assert written == {
        "a/anywhere": {},
        "a/nowhere": {"residency": [], "sites": {"allow": []}, "purposes": [], "consumers": []},
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_only_numbers_are_written(value: float) -> None:
    """JSON has neither infinity nor NaN: the text would be no plan."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_plan(replace(hospitals()[0], costs=dict.fromkeys(OBJECTIVES, value)))


def changed(path: str, value: object) -> str:
    """The hospitals' plan with one field changed; `...` removes it."""
    raw = json.loads(write_plan(hospitals()[0]))
    node = raw
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("path", "value", "field", "problem"),
    [
        ("kind", "Plam", "kind", "must be Plan"),
        ("apiVersion", "moorage.dev/v9", "apiVersion", "must be moorage.dev/v1alpha1"),
        ("pipeline", [], "pipeline", "must be a mapping"),
        ("pipeline.digest", ..., "pipeline.digest", "is missing"),
        ("costs.money", "0.3", "costs.money", "must be a number"),
        ("costs.money", True, "costs.money", "must be a number"),
        ("costs.money", 10**400, "costs.money", "is too large"),
        ("costs.heat", 1, "costs.heat", "is not a field here"),
        ("tasks", {}, "tasks", "must be a list"),
        ("tasks", None, "tasks", "must be a list"),
        ("tasks.0", 3, "tasks[0]", "must be a mapping"),
        ("tasks.0.site", 4, "tasks[0].site", "must be a string"),
        ("tasks.0.sight", "x", "tasks[0].sight", "is not a field here"),
        ("tasks.0.inserted", "no", "tasks[0].inserted", "must be true or false"),
        ("tasks.0.assumed", "seconds", "tasks[0].assumed", "must be a list of strings"),
        ("tasks.0.governance", {"claims": {}}, "tasks[0].governance.claims", "must be namespace/name"),
        ("tasks.0.governance", {"a/b": {"classification": []}}, "tasks[0].governance.a/b.classification", "a string"),
        ("tasks.0.governance", {"a/b": {"classification": "x"}}, "tasks[0].governance.a/b.classification", "one of"),
        ("tasks.0.governance", {"a/b": {"releases": []}}, "tasks[0].governance.a/b.releases", "is not a field"),
        ("tasks.0.alternatives.0", {"site": "x"}, "tasks[0].alternatives[0].costDelta", "is missing"),
        ("transfers.0.what", {}, "transfers[0].what", "exactly one"),
        ("transfers.0.what", {"file": "a", "artifact": "b"}, "transfers[0].what", "exactly one"),
        ("groups.0.exports.0.value", "x.y", "groups[0].exports[0].artifact", "exactly one"),
    ],
)
def test_a_changed_plan_is_refused_at_its_place(path: str, value: object, field: str, problem: str) -> None:
    """The error names the field and says what is wrong."""
    with pytest.raises(InputError) as caught:
        read_plan(changed(path, value))
    assert caught.value.subject == "plan.json"
    assert caught.value.field == field
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "nul",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        b"\xff\xfe\x00",
        '{"a": ' + "9" * 5000 + "}",
    ],
    ids=["empty", "list", "cut", "word", "nan", "twice", "deep", "bytes", "digits"],
)
def test_what_is_no_plan_is_refused(text: str | bytes) -> None:
    """Whatever it is: an error with a sentence, never a traceback."""
    for read in (read_plan, read_infeasible):
        with pytest.raises(InputError):
            read(text)
