"""Filters, orders and pages: tables, and properties against a plain reading of what they mean."""

import asyncio
import base64
import json
import operator
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfp_api.answers import RequestError
from kfp_api.filtering import Field, holds, read_filter
from kfp_api.index import Index
from kfp_api.paging import read_query
from kfp_api.records import Run
from kfp_api.states import State

FIELDS = {
    "created_at": Field(lambda record: str(record.created_at), is_time=True),
    "display_name": Field(lambda record: str(record.display_name)),
    "state": Field(lambda record: str(record.state.value)),
}


def run(name: str, display_name: str = "x", second: int = 0, namespace: str = "lab", **changes: Any) -> Run:  # noqa: ANN401
    """A run."""
    given: dict[str, Any] = {
        "namespace": namespace,
        "object_name": name,
        "id": name,
        "uid": f"uid-{name}",
        "revision": 1,
        "created_at": f"2026-11-29T12:00:{second:02}Z",
        "display_name": display_name,
        "experiment_id": "e",
        "state": State.RUNNING,
    }
    return Run(**(given | changes))


def passes(record: Run, *predicates: dict[str, Any], encode: bool = False) -> bool:
    """Whether the record passes a filter of these predicates."""
    text = json.dumps({"predicates": list(predicates)})
    return holds(read_filter(quote_plus(text) if encode else text, FIELDS), record)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ({"operation": 1, "key": "display_name", "stringValue": "a+b%2B"}, True),
        ({"operation": "EQUALS", "key": "display_name", "string_value": "a+b%2B"}, True),
        ({"operation": "NOT_EQUALS", "key": "display_name", "stringValue": "a+b%2B"}, False),
        ({"operation": "IS_SUBSTRING", "key": "display_name", "stringValue": "A+"}, True),
        ({"operation": "IN", "key": "display_name", "stringValues": {"values": ["x", "a+b%2B"]}}, True),
        ({"operation": 8, "key": "display_name", "string_values": {"values": []}}, False),
        ({"operation": 3, "key": "display_name", "stringValue": "a"}, True),
        ({"operation": "LESS_THAN", "key": "created_at", "timestampValue": "2026-11-29T13:00:00+00:30"}, True),
        ({"operation": "EQUALS", "key": "created_at", "timestampValue": "2026-11-29T12:00:00.000Z"}, True),
        ({"operation": "GREATER_THAN_EQUALS", "key": "created_at", "longValue": "1796300000"}, False),
        ({"operation": "EQUALS", "key": "state", "stringValue": "RUNNING"}, True),
    ],
)
def test_what_passes(predicate: dict[str, Any], *, expected: bool) -> None:
    """As the SDK writes it, in both spellings, and encoded once more as its documentation says."""
    record = run("r", "a+b%2B")
    assert passes(record, predicate) is expected
    assert passes(record, predicate, encode=True) is expected
    assert passes(record) is True
    if expected:
        assert passes(record, predicate, predicate) is True
        assert not passes(record, predicate, {"operation": 2, "key": "state", "stringValue": "RUNNING"})


@pytest.mark.parametrize(
    ("predicate", "told"),
    [
        ({}, "key"),
        ([], "must be an object"),
        ({"operation": 1, "key": "password", "stringValue": "x"}, "password can't be filtered by"),
        ({"operation": 4, "key": "state", "stringValue": "x"}, "operation"),
        ({"operation": True, "key": "state", "stringValue": "x"}, "operation"),
        ({"operation": "DROP", "key": "state", "stringValue": "x"}, "operation"),
        ({"operation": 1, "key": "state"}, "exactly one value, not 0"),
        ({"operation": 1, "key": "state", "stringValue": "x", "intValue": 1}, "exactly one value, not 2"),
        ({"operation": 1, "key": "state", "intValue": 1}, "give a stringValue"),
        ({"operation": 1, "key": "state", "stringValues": {"values": ["x"]}}, "IN only"),
        ({"operation": 8, "key": "state", "stringValue": "x"}, "IN needs"),
        ({"operation": 8, "key": "state", "stringValues": ["x"]}, "values"),
        ({"operation": 8, "key": "state", "stringValues": {"values": ["x"] * 201}}, "at most 200"),
        ({"operation": 9, "key": "created_at", "stringValue": "x"}, "IS_SUBSTRING needs a text"),
        ({"operation": 1, "key": "created_at", "timestampValue": "yesterday"}, "must be a time"),
        ({"operation": 1, "key": "state", "stringValue": "x", "or": 1}, "or is not known"),
    ],
)
def test_what_is_no_filter(predicate: Any, told: str) -> None:  # noqa: ANN401
    """Each says where and why."""
    with pytest.raises(RequestError, match=told):
        passes(run("r"), predicate)


@pytest.mark.parametrize("text", ["{", "[]", "x", "{}" * 5000, '{"predicates": {}}', '{"predicates": [1]}'])
def test_what_is_no_filter_at_all(text: str) -> None:
    """However it is spelled."""
    with pytest.raises(RequestError):
        read_filter(text, FIELDS)


_WORDS = st.text("abAB%+ \u00e4", max_size=3)
_COMPARISONS = {
    "EQUALS": operator.eq, "NOT_EQUALS": operator.ne, "GREATER_THAN": operator.gt,
    "GREATER_THAN_EQUALS": operator.ge, "LESS_THAN": operator.lt, "LESS_THAN_EQUALS": operator.le,
}  # fmt: skip


@given(st.sampled_from(sorted(_COMPARISONS)), _WORDS, _WORDS)
def test_comparisons_mean_what_they_say(operation: str, found: str, wanted: str) -> None:
    """For any texts."""
    predicate = {"operation": operation, "key": "display_name", "stringValue": wanted}
    assert passes(run("r", found), predicate) is _COMPARISONS[operation](found, wanted)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is read or refused; nothing else is raised."""
    try:
        read_filter(text, FIELDS)
        read_query(text, text, text, text, FIELDS)
    except RequestError:
        pass


def index_of(runs: list[Run]) -> Index[Run]:
    """An index that holds them."""
    index: Index[Run] = Index(FIELDS)
    for each in runs:
        index.put(each)
    return index


_RUNS = st.lists(
    st.builds(run, st.integers(0, 40).map(str), _WORDS, st.integers(0, 3)), max_size=40, unique_by=lambda each: each.id
)
_CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 60).map(str), st.integers(0, 3)), max_size=12)


@given(_RUNS, _CHANGES, st.sampled_from(["", "created_at desc", "display_name", "state desc"]), st.integers(1, 7))
def test_a_walk_sees_each_entry_once(
    runs: list[Run], changes: list[tuple[bool, str, int]], sort_by: str, size: int
) -> None:
    """Whatever comes and goes between pages: those that stay are seen exactly once, in order."""
    index, gone, come = index_of(runs), set[str](), set[str]()
    seen: list[Run] = []
    token = ""
    for _ in range(100):
        page = asyncio.run(index.page(("lab", ""), read_query(str(size), sort_by, "", token, FIELDS)))
        seen += page.records
        assert len(page.records) <= size
        token = page.next_token
        if not token:
            break
        if changes:
            adds, name, second = changes.pop()
            if adds and index.get("lab", name) is None:
                index.put(run(name, "new", second))
                come.add(name)
            elif not adds:
                index.drop("lab", name)
                gone.add(name)
    names = [each.object_name for each in seen]
    stayed = {each.object_name for each in runs} - gone - come
    assert stayed <= set(names)
    assert all(names.count(name) == 1 for name in stayed)
    key = sort_by.split(maxsplit=1)[0] if sort_by else "created_at"
    order = [(FIELDS[key].get(each), each.object_name) for each in seen]
    assert order == sorted(order, reverse=sort_by.endswith("desc"))


@given(_RUNS, st.sampled_from(["EQUALS", "LESS_THAN"]), _WORDS, st.integers(1, 50))
def test_a_filtered_list_is_what_passes(runs: list[Run], operation: str, wanted: str, size: int) -> None:
    """And its total counts all pages."""
    text = json.dumps({"predicates": [{"operation": operation, "key": "display_name", "stringValue": wanted}]})
    index = index_of(runs)
    page = asyncio.run(index.page(("lab", "e"), read_query(str(size), "", text, "", FIELDS)))
    expected = [each for each in runs if _COMPARISONS[operation](each.display_name, wanted)]
    assert page.total == len(expected)
    assert {each.id for each in page.records} <= {each.id for each in expected}
    assert len(page.records) == min(size, len(expected))


@given(_RUNS, _CHANGES)
def test_an_index_forgets_what_goes(runs: list[Run], changes: list[tuple[bool, str, int]]) -> None:
    """However runs come, change their experiment and go, each way to find them agrees."""
    index = index_of(runs)
    there = {each.object_name: each for each in runs}
    for adds, name, second in changes:
        if adds:
            there[name] = run(name, second=second, experiment_id=f"e{second}")
            index.put(there[name])
        else:
            index.drop("lab", name)
            there.pop(name, None)
    assert {each.object_name for each in index.of("lab")} == there.keys()
    for experiment in ("e", "e0", "e1", "e2", "e3"):
        expected = {name for name, each in there.items() if each.experiment_id == experiment}
        assert {each.object_name for each in index.of("lab", experiment)} == expected
    for name in map(str, range(61)):
        assert [each.object_name for each in index.find(name)] == ([name] if name in there else [])


def test_a_kept_answer_is_not_older_than_the_list() -> None:
    """What a filter found is forgotten when a run of the namespace changes."""
    index = index_of([run("a", "x")])
    text = json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": "x"}]})
    query = read_query("", "", text, "", FIELDS)
    assert asyncio.run(index.page(("lab", ""), query)).total == 1
    index.put(run("a", "y"))
    assert asyncio.run(index.page(("lab", ""), query)).total == 0


def test_a_token_goes_on_with_its_own_question() -> None:
    """The SDK repeats neither order nor filter; who gives another one is told."""
    index = index_of([run(str(n), "x") for n in range(5)])
    text = json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": "x"}]})
    first = asyncio.run(index.page(("lab", ""), read_query("2", "display_name desc", text, "", FIELDS)))
    query = read_query("2", "", "", first.next_token, FIELDS)
    assert (query.field, query.descending, query.filter) == ("display_name", True, text)
    assert read_query("", "display_name desc", text, first.next_token, FIELDS).after == query.after
    with pytest.raises(RequestError, match="sort_by"):
        read_query("2", "created_at", "", first.next_token, FIELDS)


@given(st.lists(st.one_of(st.text(max_size=20), st.integers(), st.none()), max_size=6), st.binary(max_size=40))
def test_forged_tokens_are_read_or_refused(content: list[Any], noise: bytes) -> None:
    """Nothing else happens."""
    for made in (json.dumps(content).encode(), noise):
        try:
            query = read_query("", "", "", base64.urlsafe_b64encode(made).decode(), FIELDS)
        except RequestError:
            continue
        assert query.field in FIELDS


@pytest.mark.parametrize(
    ("size", "expected"), [("", 20), ("0", 20), ("5", 5), ("200", 200), ("100000", 200), ("999999999", 200)]
)
def test_sizes(size: str, expected: int) -> None:
    """Absent and zero are the default, more than the most is the most."""
    assert read_query(size, "", "", "", FIELDS).size == expected
