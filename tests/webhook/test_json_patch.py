"""The operations lead from one document to the other, as another implementation of RFC 6902 applies them."""

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.json_patch import diff

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("ab/~", max_size=2))
NAMED = st.lists(st.sampled_from("abcd"), unique=True, max_size=4).flatmap(
    lambda names: st.tuples(*(st.fixed_dictionaries({"name": st.just(name), "x": SCALARS}) for name in names)).map(list)
)
DOCUMENTS = st.recursive(
    SCALARS | NAMED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text("ab/~", max_size=2), DOCUMENTS, max_size=3)


@given(before=OBJECTS, after=OBJECTS)
def test_the_operations_lead_there(before: dict[str, object], after: dict[str, object]) -> None:
    """Whatever the two documents are."""
    assert jsonpatch.apply_patch(before, diff(before, after)) == after


@given(document=OBJECTS)
def test_nothing_to_do_is_nothing(document: dict[str, object]) -> None:
    """An equal document, though it is another object."""
    assert diff(document, jsonpatch.apply_patch(document, [])) == []


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({}, {"a": []}, [{"op": "add", "path": "/a", "value": []}]),
        ({"a": None}, {"a": [1]}, [{"op": "replace", "path": "/a", "value": [1]}]),
        ({"a/b": 1}, {"a/b": 2}, [{"op": "replace", "path": "/a~1b", "value": 2}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        (
            {"c": [{"name": "app", "env": []}]},
            {"c": [{"name": "first"}, {"name": "app", "env": [{"name": "E"}]}]},
            [
                {"op": "add", "path": "/c/0", "value": {"name": "first"}},
                {"op": "add", "path": "/c/1/env/0", "value": {"name": "E"}},
            ],
        ),
        (
            {"c": [{"name": "a"}, {"name": "b"}]},
            {"c": [{"name": "b"}, {"name": "a"}]},
            [{"op": "replace", "path": "/c", "value": [{"name": "b"}, {"name": "a"}]}],
        ),
    ],
)
def test_few_operations(before: object, after: object, operations: list[object]) -> None:
    """What is inserted is one operation, and neighbours are left alone."""
    assert diff(before, after) == operations
