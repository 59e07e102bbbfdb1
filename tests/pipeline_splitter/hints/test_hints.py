"""Hints: strict, merged field by field, the later wins."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.model import DatasetRef
from pipeline_splitter.documents import parse
from pipeline_splitter.hints import Defaults, Hints, InputHint, TaskHint
from pipeline_splitter.reading_hints import read_hints, refuse_unknown_names
from tests.pipeline_splitter.documents.mutations import mutants

HINTS = """
inputs:
  raw: {dataset: claims}
  part: {dataset: steward/claims, bytes: 12Gi}
tasks:
  train/evaluate: {seconds: 120, cpu: "500m", iterations: 8, purpose: research, namespace: fraud,
    serviceAccount: trainer, accepts: [claims/pseudonymise, steward/claims/coarsen], sites: [eu-1]}
artifacts:
  train.model: {bytes: 3Gi}
defaults: {taskSeconds: 30, artifactBytes: 10Mi, purpose: research, namespace: lab, serviceAccount: default}
"""


def read(*texts: str) -> Hints:
    """The hints of several files."""
    return read_hints([(f"{index}.yaml", parse(text, f"{index}.yaml")) for index, text in enumerate(texts)])


def test_hints_are_read_whole() -> None:
    """Quantities are Kubernetes'; datasets without a namespace are in the default one."""
    claims = DatasetRef("steward", "claims")
    assert read(HINTS) == Hints(
        inputs={"raw": InputHint(DatasetRef("lab", "claims")), "part": InputHint(claims, 12 * 2**30)},
        tasks={
            "train/evaluate": TaskHint(
                seconds=120,
                cpu=0.5,
                iterations=8,
                purpose="research",
                namespace="fraud",
                service_account="trainer",
                accepts=frozenset({(DatasetRef("lab", "claims"), "pseudonymise"), (claims, "coarsen")}),
                sites=frozenset({"eu-1"}),
            )
        },
        artifacts={"train.model": 3 * 2**30},
        defaults=Defaults(30, 10 * 2**20, "research", "lab", "default"),
    )


def test_nothing_said_is_the_default() -> None:
    """No purpose among it."""
    assert read() == read("") == read("{}") == Hints()


def test_the_later_file_wins_field_by_field() -> None:
    """What it does not say stays; a default namespace said later holds for names written earlier."""
    merged = read(
        HINTS,
        "tasks: {train/evaluate: {seconds: 90}, fetch: {cpu: 0}}",
        "inputs: {raw: {bytes: 1}}\nartifacts: {train.model: {bytes: 5}}\n---\ndefaults: {namespace: other}",
    )
    assert merged.tasks["train/evaluate"].seconds == 90
    assert merged.tasks["train/evaluate"].cpu == 0.5
    assert merged.tasks["fetch"] == TaskHint(cpu=0)
    assert merged.inputs["raw"] == InputHint(DatasetRef("other", "claims"), 1)
    assert merged.artifacts == {"train.model": 5}
    assert merged.defaults == Defaults(30, 10 * 2**20, "research", "other", "default")


REFUSED = {
    "a list": ("- a", "document", "mapping"),
    "an unknown section": ("task: {}", "task", "not a field"),
    "a section that is a list": ("tasks: [a]", "tasks", "mapping"),
    "an entry that is a word": ("tasks: {a: b}", "tasks['a']", "mapping"),
    "an unknown field": ("tasks: {a: {second: 1}}", "tasks['a'].second", "not a field"),
    "negative seconds": ("tasks: {a: {seconds: -1}}", "tasks['a'].seconds", "from 0 to 1e+24"),
    "seconds in words": ("tasks: {a: {seconds: long}}", "tasks['a'].seconds", "number"),
    "endless seconds": ("tasks: {a: {seconds: 9e999}}", "tasks['a'].seconds", "number"),
    "half an iteration": ("tasks: {a: {iterations: 1.5}}", "tasks['a'].iterations", "whole"),
    "true seconds": ("tasks: {a: {seconds: true}}", "tasks['a'].seconds", "number"),
    "purposes": ("tasks: {a: {purpose: two words}}", "tasks['a'].purpose", "one word"),
    "a release without dataset": ("tasks: {a: {accepts: [x]}}", "tasks['a'].accepts", "claims/pseudonymise"),
    "one accepted release": ("tasks: {a: {accepts: x/y}}", "tasks['a'].accepts", "list"),
    "no sites": ("tasks: {a: {sites: []}}", "tasks['a'].sites", "at least one"),
    "an input without dataset": ("inputs: {a: {bytes: 1}}", "inputs['a'].dataset", "required"),
    "an input with a path": ("inputs: {a: {dataset: a/b/c}}", "inputs['a'].dataset", "steward/claims"),
    "an input with a list": ("inputs: {a: {dataset: [x]}}", "inputs['a'].dataset", "steward/claims"),
    "artifact bytes in words": ("artifacts: {a: {bytes: many}}", "artifacts['a'].bytes", "number"),
    "a default namespace in capitals": ("defaults: {namespace: A}", "defaults.namespace", "lower-case"),
    "an account with a slash": ("defaults: {serviceAccount: a/b}", "defaults.serviceAccount", "service account"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hints_that_are_refused(name: str) -> None:
    """By the file that says it, the field and the remedy."""
    text, field, words = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read("{}", text)
    assert (caught.value.subject, caught.value.field) == ("1.yaml", field)
    assert words in caught.value.problem


NOTHING: dict[str, Any] = {"tasks": (), "inputs": (), "artifacts": ()}


@pytest.mark.parametrize(
    ("text", "known", "field", "words"),
    [
        ("tasks: {a: {}}", {"tasks": ["b", "c"]}, "tasks['a']", "there are b, c"),
        ("artifacts: {a: {bytes: 1}}", {}, "artifacts['a']", "there is none"),
        ("inputs: {a: {dataset: x}}", {}, "inputs['a']", "names nothing"),
    ],
)
def test_a_hint_that_names_nothing_is_an_error(text: str, known: dict[str, Any], field: str, words: str) -> None:
    """It tells what there is."""
    with pytest.raises(InputError) as caught:
        refuse_unknown_names(read(text), **(NOTHING | known))
    assert caught.value.field == field
    assert words in caught.value.problem


@given(st.permutations(["a", "b", "c", "d"]))
def test_order_within_a_file_changes_nothing(names: list[str]) -> None:
    """One file, its entries in any order."""
    text = "tasks:\n" + "".join(f"  {name}: {{seconds: {ord(name)}}}\n" for name in names)
    expected = {name: TaskHint(seconds=ord(name)) for name in "abcd"}
    assert list(read(text).tasks.items()) == list(expected.items())


def test_spoiled_files_are_refused_with_a_place_or_read() -> None:
    """Never another exception."""
    outcomes = set()
    for _operator, spoiled in mutants(parse(HINTS, "f")[0], 1200, seed=4):
        try:
            read(spoiled)
            outcomes.add("read")
        except InputError as error:
            assert error.field  # noqa: PT017 - either outcome is right
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
