"""Group membership: the groups that a placement has by definition, and what has to cross between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline_splitter.checking.definition.schedule import Waits, smallest_first
from pipeline_splitter.checking.findings import Notes
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Export, Group, Import


@dataclass
class Forming:
    """Groups while they form: ids `<site>-<n>`, what is in each, what each waits for."""

    tasks: dict[str, list[str]] = field(default_factory=dict)
    after: dict[str, set[str]] = field(default_factory=dict)
    of_site: dict[str, list[str]] = field(default_factory=dict)

    def join(self, site: str, waits_for: set[str]) -> str:
        """Return the lowest-numbered group of the site that makes no cycle, else a new one.

        Joining a group makes a cycle where another group that must be done before waits for it.
        """
        barred: set[str] = set()
        waiting = [earlier for group in waits_for for earlier in self.after[group]]
        while waiting:
            group = waiting.pop()
            if group not in barred:
                barred.add(group)
                waiting.extend(self.after[group])
        here = self.of_site.setdefault(site, [])
        chosen = next((group for group in here if group not in barred), None)
        if chosen is None:
            chosen = f"{site}-{len(here) + 1}"
            here.append(chosen)
            self.tasks[chosen], self.after[chosen] = [], set()
        self.after[chosen] |= waits_for - {chosen}
        return chosen


def groups_of(
    graph: Graph, waits: Waits, blocks: Mapping[str, tuple[str, ...]], site_of: Mapping[str, str]
) -> tuple[dict[str, str], Forming]:
    """Return the group of each task, and the groups."""
    outside: dict[str, set[str]] = {}
    for name in graph.tasks:
        first = blocks[name][0]
        outside.setdefault(first, set())
        outside[first] |= {blocks[earlier][0] for earlier in waits.before[name]} - {first}
    forming = Forming()
    group_of: dict[str, str] = {}
    for first in smallest_first(outside):
        chosen = forming.join(site_of[first], {group_of[earlier] for earlier in outside[first]})
        group_of.update(dict.fromkeys(blocks[first], chosen))
    for name in waits.order:
        forming.tasks[group_of[name]].append(name)
    return group_of, forming


def check_groups(  # noqa: PLR0913, PLR0917 - a placement, what was read of it, and what is said of it
    graph: Graph,
    waits: Waits,
    blocks: Mapping[str, tuple[str, ...]],
    site_of: Mapping[str, str],
    groups: Sequence[Group],
    notes: Notes,
) -> dict[str, str]:
    """Check ids, sites, members, order and `after`; return the group of each task, as it should be."""
    group_of, expected = groups_of(graph, waits, blocks, site_of)
    ids = [group.id for group in groups]
    if len(set(ids)) != len(ids):
        notes.add("groups", "an id appears there twice")
    notes.same("groups (ids)", sorted(ids), sorted(expected.tasks))
    for group in groups:
        if group.id in expected.tasks:
            where = f"groups[{group.id}]"
            notes.same(f"{where}.site", group.site, group.id.rpartition("-")[0])
            notes.same(f"{where}.tasks", list(group.tasks), expected.tasks[group.id])
            notes.same(f"{where}.after", list(group.after), sorted(expected.after[group.id]))
    return group_of


def check_crossing(graph: Graph, group_of: Mapping[str, str], groups: Sequence[Group], notes: Notes) -> None:
    """Check that imports and exports hold whatever crosses, and agree with each other."""
    needed = _crossing(graph, group_of)
    exported = {group.id: [_what(each) for each in group.exports] for group in groups}
    wanted: set[Crossing] = set()
    for group in groups:
        where = f"groups[{group.id}].imports"
        imported = [Crossing(*_what(each), each.origin) for each in group.imports]
        for each in sorted(needed.get(group.id, set()) - set(imported)):
            notes.add(where, f"{each.kind} {each.key} of group {each.origin} is missing: a task here reads it")
        _check_distinct(where, [each.parameter for each in group.imports], imported, notes)
        for each in imported:
            _check_import(group, each, exported, notes)
        wanted.update(imported)
    for group in groups:
        where = f"groups[{group.id}].exports"
        _check_distinct(where, [each.output for each in group.exports], exported[group.id], notes)
        for kind, key in exported[group.id]:
            maker = key.rpartition(".")[0]
            if Crossing(kind, key, group.id) not in wanted:
                notes.add(where, f"{kind} {key} is imported by nobody")
            if group_of.get(maker, group.id) != group.id:
                notes.add(where, f"{kind} {key} is made in group {group_of[maker]}")


class Crossing(NamedTuple):
    """An artifact or value that a group reads of another."""

    kind: str
    key: str
    origin: str


def _crossing(graph: Graph, group_of: Mapping[str, str]) -> dict[str, set[Crossing]]:
    """Return the artifacts and parameters that each group's tasks read of other groups."""
    needed: dict[str, set[Crossing]] = {}
    for name, task in graph.tasks.items():
        for key in task.reads:
            producer = graph.data[key].producer
            if producer is not None and group_of[producer] != group_of[name]:
                needed.setdefault(group_of[name], set()).add(Crossing("artifact", key, group_of[producer]))
    for edge in graph.parameters:
        origin, target = group_of[edge.producer], group_of[edge.consumer]
        if origin != target:
            needed.setdefault(target, set()).add(Crossing("value", f"{edge.producer}.{edge.output}", origin))
    return needed


def _check_import(
    group: Group, each: Crossing, exported: Mapping[str, Sequence[tuple[str, str]]], notes: Notes
) -> None:
    where = f"groups[{group.id}].imports[{each.key}].from"
    if each.origin not in exported:
        notes.add(where, f"{each.origin!r} is not a group")
    elif (each.kind, each.key) not in exported[each.origin]:
        notes.add(f"groups[{each.origin}].exports", f"{each.kind} {each.key} is missing: group {group.id} imports it")
    elif each.origin not in group.after:
        notes.add(where, f"is {each.origin}, which is not among those that the group comes after")


def _check_distinct(where: str, names: Sequence[str], carried: Sequence[object], notes: Notes) -> None:
    if len(set(names)) != len(names) or len(set(carried)) != len(carried):
        notes.add(where, "something appears there twice")


def _what(each: Import | Export) -> tuple[str, str]:
    return ("artifact", each.artifact) if each.artifact is not None else ("value", each.value or "")
