"""The keys of a run's objects, as the layout has them."""

from hypothesis import given
from hypothesis import strategies as st

from moorage.runs import RunKeys, RunRef, group_name
from moorage.runs.names import plain, split_datum

RUN = RunRef("fraud", "nightly", "4c2a")
KEYS = RunKeys("moorage", RUN)


def test_keys_are_those_of_the_layout() -> None:
    """Each object has the key that the layout gives it."""
    assert KEYS.plan("plan.json") == "moorage/runs/fraud/nightly/4c2a/plan/plan.json"
    assert KEYS.plan("groups/eu-1-1.yaml") == "moorage/runs/fraud/nightly/4c2a/plan/groups/eu-1-1.yaml"
    assert KEYS.task("train#2/evaluate", 3, "log") == "moorage/runs/fraud/nightly/4c2a/tasks/train#2/evaluate/3/log"
    assert KEYS.artifact("join", "training") == "moorage/runs/fraud/nightly/4c2a/artifacts/join/training.json"
    assert KEYS.value("choose", "Output") == "moorage/runs/fraud/nightly/4c2a/values/choose/Output.json"
    assert KEYS.report == "moorage/runs/fraud/nightly/4c2a/run.json"


def test_a_store_without_a_prefix_begins_with_runs() -> None:
    """No key begins with a slash."""
    assert RunKeys("", RUN).report == "runs/fraud/nightly/4c2a/run.json"


def test_one_attempt_of_a_group_has_one_name() -> None:
    """The name is made of the run's uid, the group's id and the attempt."""
    assert group_name("4c2a", "eu-1-1", 2) == "4c2a-eu-1-1-2"


def test_a_datum_is_split_at_its_last_dot() -> None:
    """Task names may hold dots, outputs do not."""
    assert split_datum("a.b/c.model") == ("a.b/c", "model")


@given(st.text(max_size=200), st.text(max_size=200))
def test_safe_names_never_meet(one: str, other: str) -> None:
    """Two names have one safe form only where they are the same name; it needs no escaping in a URI."""
    assert (plain(one) == plain(other)) == (one == other)
    assert set(plain(one)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert plain(one) not in {"", ".", ".."}


@given(st.text(min_size=1, max_size=80))
def test_a_safe_name_of_a_safe_name_is_another(name: str) -> None:
    """A name that was made safe can't be chosen by somebody to meet it."""
    made = plain(name)
    assert made == name or plain(made) != made
