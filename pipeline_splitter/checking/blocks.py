"""What must stay together: tied sets that share a task are one, and whatever lies on a path between two of one set."""

from collections.abc import Mapping

from pipeline_splitter.graph import Graph


def blocks_of(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The members of each task's block, by task; most blocks are the task alone."""
    sets = [set(tied) & set(graph.tasks) for tied in graph.together]
    after: dict[str, set[str]] = {name: set() for name in graph.tasks}
    before: dict[str, set[str]] = {name: set() for name in graph.tasks}
    for earlier, later in graph.edges():
        after[earlier].add(later)
        before[later].add(earlier)
    sets = _merged([tied for tied in sets if len(tied) > 1])
    while True:
        # A path may lead through another set: from one of its tasks it may go on from any other of them.
        grown = _merged([tied | (_reached(tied, after, sets) & _reached(tied, before, sets)) for tied in sets])
        if grown == sets:
            break
        sets = grown
    found: dict[str, tuple[str, ...]] = {name: (name,) for name in graph.tasks}
    for tied in sets:
        found.update(dict.fromkeys(tied, tuple(sorted(tied))))
    return found


def _reached(tied: set[str], neighbours: Mapping[str, set[str]], sets: list[set[str]]) -> set[str]:
    """All tasks on ways out of the set, and sets entered on the way as a whole."""
    set_of = {name: other for other in sets for name in other}
    found: set[str] = set()
    waiting = [near for name in tied for near in neighbours[name] if near not in tied]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        for member in set_of.get(name, {name}) - tied:
            found.add(member)
            waiting.extend(near for near in neighbours[member] if near not in found and near not in tied)
    return found


def _merged(sets: list[set[str]]) -> list[set[str]]:
    """Sets that share a member, as one; sorted."""
    merged: list[set[str]] = []
    for each in sets:
        touching = [other for other in merged if other & each]
        merged = [other for other in merged if not other & each]
        merged.append(each.union(*touching))
    return sorted(merged, key=min)
