"""Groups: by the rule, acyclic, and no two of one site could be one."""

from collections.abc import Mapping
from itertools import combinations

from hypothesis import given

from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups.grouping import group
from pipeline_splitter.plan import Group
from tests.pipeline_splitter.graphs import make_graph
from tests.pipeline_splitter.scenes import Scene, scenes


def is_acyclic(edges: set[tuple[str, str]]) -> bool:
    """Whether taking away what nothing precedes leaves nothing; edges from a node to itself count for none."""
    left = {(one, other) for one, other in edges if one != other}
    while left:
        later = {other for _, other in left}
        kept = {(one, other) for one, other in left if one in later}
        if kept == left:
            return False
        left = kept
    return True


def by_the_rule(graph: Graph, site_of: Mapping[str, str]) -> dict[str, str]:
    """The group of each task, tried one after the other."""
    blocks = make_blocks(graph)
    of: dict[str, str] = {}
    left = list(blocks.members)
    while left:
        block = next(
            names
            for names in sorted(left)
            if all(a in of or a in names for a, b in graph.edges() if b in names)
        )  # fmt: skip
        left.remove(block)
        site, number = site_of[block[0]], 1
        while True:
            tried = {**of, **dict.fromkeys(block, f"{site}-{number}")}
            if is_acyclic({(tried[a], tried[b]) for a, b in graph.edges() if a in tried and b in tried}):
                break
            number += 1
        of = tried
    return of


def groups_of(scene: Scene) -> tuple[Group, ...]:
    """The scene's groups."""
    return group(scene.graph, make_blocks(scene.graph), scene.site_of)


@given(scenes())
def test_groups_are_those_of_the_rule(scene: Scene) -> None:
    """The same as trying each group for each task."""
    found = {name: made.id for made in groups_of(scene) for name in made.tasks}
    assert found == by_the_rule(scene.graph, scene.site_of)


@given(scenes())
def test_groups_are_acyclic_and_no_two_of_a_site_could_be_one(scene: Scene) -> None:
    """Merging any two of one site would make a cycle."""
    groups = groups_of(scene)
    of = {name: made.id for made in groups for name in made.tasks}
    edges = {(of[a], of[b]) for a, b in scene.graph.edges()}
    assert is_acyclic(edges)
    for one, other in combinations(groups, 2):
        if one.site == other.site:
            merged = {(one.id if a == other.id else a, one.id if b == other.id else b) for a, b in edges}
            assert not is_acyclic(merged)


@given(scenes())
def test_groups_say_what_they_wait_for(scene: Scene) -> None:
    """Every task once, at its site, after what it waits for; all direct predecessor groups, sorted."""
    groups = groups_of(scene)
    of = {name: made.id for made in groups for name in made.tasks}
    assert sorted(of) == sorted(name for made in groups for name in made.tasks) == sorted(scene.graph.tasks)
    for made in groups:
        assert {scene.site_of[name] for name in made.tasks} == {made.site}
        before = {of[a] for a, b in scene.graph.edges() if of[b] == made.id} - {made.id}
        assert made.after == tuple(sorted(before))
        place = {name: index for index, name in enumerate(made.tasks)}
        assert all(place[a] < place[b] for a, b in scene.graph.edges() if a in place and b in place)


@given(scenes())
def test_order_of_the_input_changes_nothing(scene: Scene) -> None:
    """The same groups in the same order."""
    assert groups_of(scene) == groups_of(scene.upside_down())


def test_a_site_that_is_come_back_to_gets_a_second_group() -> None:
    """A at one site, b elsewhere in between, c back; d is free to join the first."""
    graph = make_graph().task("a").task("b").task("c").task("d").order("a", "b").order("b", "c").obj()
    site_of = {"a": "eu-1", "b": "us-1", "c": "eu-1", "d": "eu-1"}
    assert group(graph, make_blocks(graph), site_of) == (
        Group("eu-1-1", "eu-1", ("a", "d")),
        Group("eu-1-2", "eu-1", ("c",), ("us-1-1",)),
        Group("us-1-1", "us-1", ("b",), ("eu-1-1",)),
    )


def test_a_block_waits_for_all_that_its_members_wait_for() -> None:
    """`a` could be taken at once, but stays with `d`, which comes after `c`: so `b` is taken first."""
    graph = make_graph().task("a").task("b").task("c").task("d").order("c", "d").together("a", "d").obj()
    site_of = {"a": "eu-1", "b": "eu-1", "c": "us-1", "d": "eu-1"}
    assert group(graph, make_blocks(graph), site_of) == (
        Group("eu-1-1", "eu-1", ("a", "b", "d"), ("us-1-1",)),
        Group("us-1-1", "us-1", ("c",)),
    )


def test_a_group_that_is_joined_late_hands_its_new_ancestors_on() -> None:
    """`t4` puts eu-1-1 before us-1-1, and so before ap-1-1: `t5`, which waits for that, can't go back to eu-1-1."""
    graph = (
        make_graph().task("t1").task("t2").task("t3").task("t4").task("t5")
        .order("t2", "t3").order("t1", "t4").order("t3", "t5").obj()
    )  # fmt: skip
    site_of = {"t1": "eu-1", "t2": "us-1", "t3": "ap-1", "t4": "us-1", "t5": "eu-1"}
    assert group(graph, make_blocks(graph), site_of) == (
        Group("ap-1-1", "ap-1", ("t3",), ("us-1-1",)),
        Group("eu-1-1", "eu-1", ("t1",)),
        Group("eu-1-2", "eu-1", ("t5",), ("ap-1-1",)),
        Group("us-1-1", "us-1", ("t2", "t4"), ("eu-1-1",)),
    )


def test_ten_groups_of_a_site_are_numbered_and_sorted_by_number() -> None:
    """The eleventh does not come before the second."""
    builder, site_of = make_graph(), {}
    for index in range(22):
        name = f"t{index:02}"
        builder = builder.task(name)
        site_of[name] = ("eu-1", "us-1")[index % 2]
        if index:
            builder = builder.order(f"t{index - 1:02}", name)
    graph = builder.obj()
    ids = [made.id for made in group(graph, make_blocks(graph), site_of)]
    assert ids == [f"{site}-{number}" for site in ("eu-1", "us-1") for number in range(1, 12)]


def test_no_tasks_make_no_groups() -> None:
    """An empty plan."""
    graph = make_graph().obj()
    assert group(graph, make_blocks(graph), {}) == ()


@given(scenes())
def test_settled_groups_stay_as_they_are(scene: Scene) -> None:
    """Planned anew with some of its groups settled: they keep id and tasks, no new group has an old id, no cycle."""
    blocks = make_blocks(scene.graph)
    before = groups_of(scene)
    kept = {each.id: each for each in before[::2]}
    settled = {task: each.id for each in kept.values() for task in each.tasks}
    site_of = {task: site if task in settled else "elsewhere" for task, site in scene.site_of.items()}
    taken = {each.id for each in before} | {"elsewhere-1"}
    after = {each.id: each for each in group(scene.graph, blocks, site_of, settled, taken)}
    assert {name: set(after[name].tasks) for name in kept} == {name: set(each.tasks) for name, each in kept.items()}
    assert not (after.keys() - kept.keys()) & taken
    assert is_acyclic({(earlier, each.id) for each in after.values() for earlier in each.after})
    assert sorted(task for each in after.values() for task in each.tasks) == sorted(scene.graph.tasks)
