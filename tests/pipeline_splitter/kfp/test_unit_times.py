"""How long units take, and how much they compute: one row for each clause of the definition."""

from dataclasses import dataclass

import pytest

from moorage.errors import InputError
from pipeline_splitter.hints import Hints, TaskHint
from tests.pipeline_splitter.kfp.ir import Raw, constant, dag, from_task, group, leaf, read, spec, task

SECONDS = {"short": 10.0, "middle": 100.0, "long": 1000.0}
LEAVES = {name: leaf(f"exec-{name}", parameters=["x"], gives=["Output"]) for name in SECONDS}
IF = {"triggerPolicy": {"condition": "'a' == 'a'"}}


def over(count: int, limit: object = None) -> Raw:
    """A loop over so many items, of which at most `limit` run at once."""
    policy = {} if limit is None else {"iteratorPolicy": {"parallelismLimit": limit}}
    items = {"raw": str(list(range(count)))}
    return {"parameterIterator": {"itemInput": "item", "items": items}, **policy}


def after(component: str, *earlier: str) -> Raw:
    """A task that waits for others."""
    return task(component, after=earlier)


@dataclass(frozen=True)
class Unit:
    """A unit `it`, whose component is `body`.

    Attributes:
        wall, work: its seconds and core-seconds, in tasks that take 10, 100 and 1000 s on one core.
        more: raw fields of its task.
    """

    body: Raw
    wall: float
    work: float
    more: Raw
    components: Raw


def unit(tasks: Raw, wall: float, work: float, *, more: Raw | None = None, **components: Raw) -> Unit:
    """A condition, or with `more` whatever that says."""
    return Unit(dag(tasks, parameters=["item"]), wall, work, IF if more is None else more, components)


TWO = {"a": task("short"), "b": task("middle")}
BRANCHES = {
    "condition-2": group("then", **IF),
    "condition-3": group("otherwise", **IF),
    "condition-4": group("else", **IF),
}
THREE_BRANCHES = {
    "then": dag({"a": task("short"), "b": after("short", "a")}),
    "otherwise": dag({"a": task("long")}),
    "else": dag({"a": task("middle")}),
}

CLAUSES: dict[str, Unit] = {
    "what doesn't depend on another runs beside it": unit(TWO, 100, 110),
    "what depends on another by order comes after it": unit({"a": task("short"), "b": after("middle", "a")}, 110, 110),
    "what depends on another by a value comes after it": unit(
        {"a": task("short"), "b": task("middle", parameters={"x": from_task("a")})}, 110, 110
    ),
    "the longest path counts, not the longest task": unit(
        {"a": task("middle"), "b": after("middle", "a"), "c": task("short"), "d": after("long", "c")}, 1010, 1210
    ),
    "what waits for two waits for the later": unit(
        {"a": task("short"), "b": task("middle"), "c": after("short", "a", "b")}, 110, 120
    ),
    "of branches the longest counts, and all compute": unit(BRANCHES, 1000, 1120, **THREE_BRANCHES),
    "what follows branches comes after the longest": unit(
        {"condition-branches-1": group("branches"), "z": after("short", "condition-branches-1")},
        1010,
        1130,
        branches=dag(BRANCHES),
        **THREE_BRANCHES,
    ),
    "a nested pipeline is what is in it": unit(
        {"n": task("nested"), "z": after("short", "n")},
        120,
        120,
        nested=dag({"a": task("short"), "b": after("middle", "a")}),
    ),
    "a loop goes round all at once": unit(TWO, 100, 5 * 110, more=over(5)),
    "a limit of 0 is none": unit(TWO, 100, 5 * 110, more=over(5, 0)),
    "one at a time": unit(TWO, 500, 5 * 110, more=over(5, 1)),
    "two at a time: the last batch is not full": unit(TWO, 300, 5 * 110, more=over(5, 2)),
    "more than there are items": unit(TWO, 100, 5 * 110, more=over(5, 50)),
    "a limit written as text": unit(TWO, 300, 5 * 110, more=over(5, "2")),
    "no items": unit(TWO, 0, 0, more=over(0, 2)),
    "a loop in a loop": unit(
        {"inner": group("inner", **over(3, 2)), "z": after("short", "inner")},
        2 * (2 * 100 + 10),
        4 * (3 * 110 + 10),
        more=over(4, 2),
        inner=dag(TWO, parameters=["item"]),
    ),
    "a loop of one container": Unit(LEAVES["middle"], 200, 300, over(3, 2), {}),
}


@pytest.mark.parametrize("name", CLAUSES)
def test_a_unit_takes(name: str) -> None:
    """Wall time, and the core-seconds of all that is in it."""
    case = CLAUSES[name]
    given = {"parameters": {"x": constant("a")}} if "executorLabel" in case.body else {}
    document = spec(dag({"it": group("body", **given, **case.more)}), {**LEAVES, **case.components, "body": case.body})
    hints = {}
    for path in _leaves(document, "root", "it"):
        hints[path[0]] = TaskHint(seconds=SECONDS[path[1]])
    if "executorLabel" in case.body:
        hints = {}
        wall, work = 60 * case.wall / 100, 60 * case.work / 100
    else:
        wall, work = case.wall, case.work
    graph, _ = read(document, hints=Hints(tasks=hints))
    assert (graph.tasks["it"].seconds, graph.tasks["it"].cpu_seconds) == (wall, work)


def _leaves(document: Raw, component: str, prefix: str) -> list[tuple[str, str]]:
    """(path, component) of every container in the unit."""
    body = document["components"]["body" if component == "root" else component]
    found: list[tuple[str, str]] = []
    for name, each in body.get("dag", {}).get("tasks", {}).items():
        inside = each["componentRef"]["name"]
        path = f"{prefix}/{name}"
        found += [(path, inside)] if inside in SECONDS else _leaves(document, inside, path)
    return found


def test_iterations_that_are_hinted_run_in_batches_too() -> None:
    """7 items, 3 at a time: three batches."""
    loop = group("body", **over(1, 3))
    document = spec(dag({"it": loop}), {**LEAVES, "body": dag(TWO, parameters=["item"])})
    graph, _ = read(document, hints=Hints(tasks={"it": TaskHint(iterations=7)}))
    assert (graph.tasks["it"].seconds, graph.tasks["it"].cpu_seconds) == (3 * 60, 7 * 120)


def test_the_request_of_a_unit_is_its_largest_not_their_sum() -> None:
    """Whatever runs beside each other."""
    document = spec(dag({"it": group("body", **over(5))}), {**LEAVES, "body": dag(TWO, parameters=["item"])})
    graph, _ = read(document, hints=Hints(tasks={"it/a": TaskHint(cpu=4), "it/b": TaskHint(cpu=2)}))
    assert graph.tasks["it"].requests["cpu"] == 4
    assert graph.tasks["it"].cpu_seconds == 5 * 60 * (4 + 2)


@pytest.mark.parametrize("limit", [-1, 1.5, True, "many", [2]])
def test_a_limit_that_is_no_count_is_refused(limit: object) -> None:
    """Where it stands."""
    document = spec(dag({"it": group("body", **over(5, limit))}), {**LEAVES, "body": dag(TWO, parameters=["item"])})
    with pytest.raises(InputError, match=r"iteratorPolicy\.parallelismLimit.*must be a whole number"):
        read(document)
