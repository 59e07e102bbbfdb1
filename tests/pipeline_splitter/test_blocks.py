"""Blocks: what is tied stays together, with all that lies on paths between, and nothing else."""

from itertools import pairwise

from hypothesis import given

from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.checking.definition.blocks import blocks_of
from pipeline_splitter.graph import Graph
from tests.pipeline_splitter.graphs import make_graph
from tests.pipeline_splitter.scenes import Scene, scenes


def reachable(edges: set[tuple[int, int]], start: int) -> set[int]:
    """Every block after `start`."""
    found: set[int] = set()
    stack = [start]
    while stack:
        current = stack.pop()
        new = {later for earlier, later in edges if earlier == current} - found
        found |= new
        stack += new
    return found


def merged_until_nothing_changes(graph: Graph) -> set[frozenset[str]]:
    """By the definition: merge what shares a task, then what lies on a path back to itself, again and again."""
    blocks = [{name} for name in graph.tasks] + [set(tied) for tied in graph.together]
    while True:
        pair = next(((one, other) for one in blocks for other in blocks if one is not other and one & other), None)
        if pair is None:
            of = {name: index for index, block in enumerate(blocks) for name in block}
            edges = {(of[a], of[b]) for a, b in graph.edges() if of[a] != of[b]}
            after = [reachable(edges, index) for index in range(len(blocks))]
            numbers = range(len(blocks))
            back = next(((a, b) for a in numbers for b in numbers if a < b and b in after[a] and a in after[b]), None)
            if back is None:
                return {frozenset(block) for block in blocks}
            pair = (blocks[back[0]], blocks[back[1]])
        blocks = [block for block in blocks if block is not pair[0] and block is not pair[1]] + [pair[0] | pair[1]]


@given(scenes())
def test_blocks_are_the_least_closed_partition(scene: Scene) -> None:
    """The same as merging by the definition, in order of names."""
    blocks = make_blocks(scene.graph)
    assert {frozenset(members) for members in blocks.members} == merged_until_nothing_changes(scene.graph)
    assert blocks.members == tuple(sorted(tuple(sorted(members)) for members in blocks.members))
    assert blocks.of == {name: index for index, names in enumerate(blocks.members) for name in names}


@given(scenes())
def test_every_path_between_members_stays_inside(scene: Scene) -> None:
    """A task after one member and before another is a member, too."""
    of = {name: index for index, name in enumerate(scene.graph.tasks)}
    edges = {(of[a], of[b]) for a, b in scene.graph.edges()}
    blocks = make_blocks(scene.graph)
    for name in scene.graph.tasks:
        after = [other for other in scene.graph.tasks if of[other] in reachable(edges, of[name])]
        for between in after:
            ends = [other for other in scene.graph.tasks if of[other] in reachable(edges, of[between])]
            if any(blocks.of[end] == blocks.of[name] for end in ends):
                assert blocks.of[between] == blocks.of[name]


def test_a_path_through_another_block_merges_both() -> None:
    """Two ties that wait for each other become one block, though no task lies between the ends of either."""
    graph = (
        make_graph().task("a").task("b").task("c").task("d").order("a", "b").order("c", "d")
        .together("a", "d").together("b", "c").obj()
    )  # fmt: skip
    assert make_blocks(graph).members == (("a", "b", "c", "d"),)


def test_a_long_chain_is_closed_without_recursion() -> None:
    """The two ends of five thousand tasks in a row take all of them along."""
    names = [f"t{index:04}" for index in range(5000)]
    builder = make_graph().task("t0000")
    tasks = dict.fromkeys(names, builder.graph.tasks["t0000"])
    order = frozenset(pairwise(names))
    graph = Graph("p", "", builder.graph.language, tasks, order=order, together=(frozenset({names[0], names[-1]}),))
    assert make_blocks(graph).members == (tuple(names),)


@given(scenes())
def test_the_checkers_blocks_are_the_same(scene: Scene) -> None:
    """Two definitions: contracted circles here, paths between tied sets until nothing grows there."""
    blocks = make_blocks(scene.graph)
    assert blocks_of(scene.graph) == {name: blocks.members[index] for name, index in blocks.of.items()}
