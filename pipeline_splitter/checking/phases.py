"""The whole check: from the files of a plan to findings, in numbered phases."""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

from moorage.errors import InputError
from pipeline_splitter.checking.bounds.proof import check_bound
from pipeline_splitter.checking.definition.blocks import blocks_of
from pipeline_splitter.checking.definition.costs import LINEAR, OBJECTIVES, Move, Placement, Tariff
from pipeline_splitter.checking.definition.governance import Carried, Permits, Rules, carry, found_in
from pipeline_splitter.checking.definition.insertions import Option, insert, insertion_names, options
from pipeline_splitter.checking.definition.schedule import Waits, check_as_defined, check_kept
from pipeline_splitter.checking.definition.units import with_own_times
from pipeline_splitter.checking.findings import TOLERANCE, CheckInputs, Finding, Notes, Verdict, shown
from pipeline_splitter.checking.groups.membership import check_crossing, check_groups
from pipeline_splitter.checking.groups.pipelines import check_files
from pipeline_splitter.checking.impossible.explanation import check_impossible
from pipeline_splitter.checking.plans.alternatives import Elsewhere
from pipeline_splitter.checking.plans.assumptions import check_assumed
from pipeline_splitter.checking.plans.handovers import check_handed
from pipeline_splitter.checking.plans.objectives import check_objectives
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Plan, Transfer
from pipeline_splitter.plan_reading import read_infeasible, read_plan

_LONGEST_FOR_SCHEMA = 4 * 10**6
PLAN, BOUND, INFEASIBLE = "plan.json", "bound.json", "infeasible.json"


def check(files: Mapping[str, str], inputs: CheckInputs) -> tuple[Finding, ...]:
    """Return all that does not hold of what the files say; nothing: it holds. See `examine`."""
    return examine(files, inputs).findings


def examine(files: Mapping[str, str], inputs: CheckInputs) -> Verdict:
    """Recompute what the files of a plan say.

    Args:
        files: `plan.json`, `bound.json`, `groups/<id>.yaml`, or `infeasible.json`: name -> text.
        inputs: what the plan was made from.

    Raises:
        InputError: there is neither a plan nor an explanation, or it can't be read.
    """
    notes = Notes()
    if inputs.pipeline is not None:
        inputs = replace(inputs, graph=with_own_times(inputs.graph, inputs.pipeline, inputs.hints))
    if PLAN not in files:
        if INFEASIBLE not in files:
            raise InputError(PLAN, "file", "is not there: name a directory that moorage plan -o wrote")
        check_impossible(read_infeasible(files[INFEASIBLE], INFEASIBLE), inputs, notes)
        return notes.verdict()
    plan = read_plan(files[PLAN], PLAN)
    if INFEASIBLE in files:
        notes.add(INFEASIBLE, "is there beside a plan, expected one of them")
    _check_schema(files[PLAN], notes)
    _Check(plan, files, inputs, notes).run()
    return notes.verdict()


def _check_schema(text: str, notes: Notes) -> None:
    """Against the published schema, where the tool for that is installed (it is for development only).

    A long plan is not, because that takes longer than all the rest: reading it is strict, too.
    """
    if len(text) > _LONGEST_FOR_SCHEMA:
        return
    try:
        import jsonschema  # noqa: PLC0415 - see above
    except ImportError:
        return
    schema = json.loads(resources.files("pipeline_splitter").joinpath("plan.schema.json").read_text("utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(text)):
        notes.add(error.json_path.removeprefix("$").lstrip(".") or "(document)", error.message)
    notes.checked.append("the schema")


class _Check:
    def __init__(self, plan: Plan, files: Mapping[str, str], inputs: CheckInputs, notes: Notes) -> None:
        self.plan, self.files, self.inputs, self.notes = plan, files, inputs, notes

    def run(self) -> None:
        """Run all phases, as far as each makes sense after those before it."""
        plan, inputs, notes = self.plan, self.inputs, self.notes
        # 1. Which pipeline.
        notes.same("pipeline.name", plan.pipeline_name, inputs.graph.name)
        notes.same("pipeline.digest", plan.pipeline_digest, inputs.graph.digest)
        named = {site.currency for site in inputs.inventory.sites.values() if site.currency} | {inputs.currency} - {""}
        notes.same("currency", plan.currency, ", ".join(sorted(named)))
        # 2. Which tasks, with the releases that were inserted.
        graph = self._rewired()
        if graph is None or not self._check_tasks(graph):
            notes.unchecked.append("all that depends on the tasks and their sites")
            return
        site_of = {task.name: task.site for task in plan.tasks}
        check_assumed(plan.tasks, graph, notes)
        # 3. What is permitted.
        carried = carry(graph, inputs.datasets)
        permits = Permits(graph, carried, inputs.datasets, inputs.inventory)
        blocks, waits = blocks_of(graph), Waits(graph)
        self._check_rules(graph, carried, permits, blocks)
        if inputs.pipeline is not None:
            check_handed(plan, graph, inputs.pipeline, carried, permits, notes)
        # 4. What moves, when, and what that costs.
        objectives = tuple(each.objective for each in plan.cost)
        tariff = Tariff(inputs.inventory, inputs.datasets, inputs.kwh_per_gb, objectives)
        try:
            placement = self._check_transfers(Placement(graph, site_of, tariff), carried, permits)
            costs = self._check_costs(placement, waits)
            # 5. What else could be.
            if objectives:
                Elsewhere(placement, blocks, permits, waits, objectives[0], notes, plan.costs["time"]).check(plan.tasks)
                notes.checked.append(f"{sum(len(task.alternatives) for task in plan.tasks)} alternatives")
        except ValueError as error:
            notes.add("transfers", str(error))
            return
        check_objectives(plan, costs, notes)
        # 6. Groups and their files.
        group_of = check_groups(graph, waits, blocks, site_of, plan.groups, notes)
        for task in plan.tasks:
            notes.same(f"tasks[{task.name}].group", task.group, group_of[task.name])
        if inputs.pipeline is not None:
            check_crossing(graph, group_of, plan.groups, notes)
        check_files(plan, self.files, graph, inputs, notes)
        kind = "with their files" if inputs.pipeline is not None else "without files: a recorded workflow has none"
        notes.checked.append(f"{len(plan.groups)} groups, {kind}")
        # 7. The proof.
        check_bound(plan, self.files.get(BOUND), inputs, notes)
        notes.unchecked.append("report.html, the page for people, and what plan.json says in sentences")

    def _rewired(self) -> Graph | None:
        """Return the graph with the plan's releases in it; None where one of them can't be."""
        graph, datasets, notes = self.inputs.graph, self.inputs.datasets, self.notes
        possible = options(graph, datasets) if self.plan.releases else frozenset()
        names = {name: insertion for insertion, name in insertion_names(graph).items()} if self.plan.releases else {}
        chosen: set[Option] = set()
        seen: set[str] = set()
        for number, each in enumerate(self.plan.releases):
            where = f"releases[{number}]"
            insertion = names.get(each.task)
            if insertion is None or each.task in seen:
                notes.add(f"{where}.task", f"{each.task} is not a release that could be inserted once here")
                return None
            seen.add(each.task)
            spot, dataset, release = insertion
            found = (each.dataset, each.release, each.datum)
            if not notes.same(where, list(found), [dataset, release, spot.datum]):
                return None
            readers = {option.reader for option in possible if option.insertion == insertion}
            if not each.readers or not set(each.readers) <= readers or len(set(each.readers)) != len(each.readers):
                notes.add(f"{where}.readers", f"are {shown(each.readers)}, expected some of {shown(readers)}")
                return None
            options_here = {Option(spot, dataset, release, reader) for reader in each.readers}
            twice = {option.slot for option in chosen} & {option.slot for option in options_here}
            for reader, _ in sorted(twice):
                notes.add(f"{where}.readers", f"{reader} reads the artifact in another released form already")
                return None
            chosen |= options_here
        if chosen:
            notes.checked.append(f"{len(self.plan.releases)} inserted release{'s' * (len(self.plan.releases) != 1)}")
        return insert(graph, chosen, datasets)

    def _check_tasks(self, graph: Graph) -> bool:
        """Exactly the pipeline's tasks and the inserted ones, each at a site that there is."""
        notes, names = self.notes, [task.name for task in self.plan.tasks]
        found, expected = set(names), set(graph.tasks)
        for name in sorted(expected - found):
            notes.add("tasks", f"{name} is missing")
        for name in sorted(found - expected):
            notes.add(f"tasks[{name}]", "is neither a task of the pipeline nor an inserted release")
        if len(found) != len(names):
            notes.add("tasks", "a task stands there twice")
        holds = found == expected and len(found) == len(names)
        for task in self.plan.tasks:
            if task.site not in self.inputs.inventory.sites:
                notes.add(f"tasks[{task.name}].site", f"{task.site!r} is not a listed site")
                holds = False
            if task.name in graph.tasks:
                notes.same(f"tasks[{task.name}].inserted", task.inserted, graph.tasks[task.name].inserted)
                notes.same(f"tasks[{task.name}].displayName", task.title, graph.tasks[task.name].title)
        if holds:
            sites = {task.name: task.site for task in self.plan.tasks}
            for number, each in enumerate(self.plan.releases):
                notes.same(f"releases[{number}].site", each.site, sites[each.task])
        notes.checked.append(f"{len(names)} tasks")
        return holds

    def _check_rules(
        self, graph: Graph, carried: Carried, permits: Permits, blocks: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Governance, resources, pins, quotas, and what must stay together."""
        notes, inputs = self.notes, self.inputs
        site_of = {task.name: task.site for task in self.plan.tasks}
        group_of = {task.name: task.group for task in self.plan.tasks}
        hours = dict.fromkeys(inputs.inventory.sites, 0.0)
        for task in self.plan.tasks:
            where = f"tasks[{task.name}]"
            self._check_map(f"{where}.governance", task.governance, carried.task[task.name])
            for rule, ref in sorted(permits.denied(task.name, task.site), key=str):
                notes.add(f"{where}.site", f"{task.site} is denied by {rule}{f' of dataset {ref}' if ref else ''}")
            first = blocks[task.name][0]
            if (site_of[first], group_of[first]) != (task.site, task.group):
                notes.add(
                    f"{where}.group", f"is {task.group}, but it must stay with {first}, which is in {group_of[first]}"
                )
            speed = inputs.inventory.sites[task.site].speed
            hours[task.site] += graph.tasks[task.name].cpu_seconds / speed / 3600
        for name, site in sorted(inputs.inventory.sites.items()):
            if site.quota_cpu_hours is not None and hours[name] > site.quota_cpu_hours * (1 + TOLERANCE):
                notes.add(
                    "tasks", f"take {hours[name]!r} CPU-hours of site {name}, whose quota is {site.quota_cpu_hours!r}"
                )
        notes.checked.append("governance of every task")

    def _check_map(self, where: str, found: Rules, expected: Rules) -> None:
        for ref in sorted({*found, *expected}):
            if ref not in found:
                self.notes.add(where, f"dataset {ref} is missing")
            elif ref not in expected:
                self.notes.add(f"{where}[{ref}]", "is not among what the task reads")
            elif found[ref] != expected[ref]:
                self.notes.add(f"{where}[{ref}]", f"is {found[ref]}, expected {expected[ref]}")

    def _check_transfers(self, placement: Placement, carried: Carried, permits: Permits) -> Placement:
        """Return the exact set; the placement with the origins that the plan chose among copies that are as cheap."""
        plan, notes, tariff = self.plan, self.notes, placement.tariff
        found: dict[tuple[str, str, str], Transfer] = {}
        chosen = {}
        for each in plan.transfers:
            key = (each.kind.value, each.key, each.target)
            if key in found:
                notes.add(f"transfers[{each.key}]", f"is brought to {each.target} twice")
            found[key] = each
            datum = placement.graph.data.get(each.key)
            if datum is not None and datum.producer is None and each.origin in tariff.origins(datum, each.target):
                chosen[each.key, each.target] = each.origin
        placement = Placement(placement.graph, placement.site_of, tariff, chosen)
        moves = {(each.datum.kind.value, each.datum.key, each.target): each for each in placement.moves()}
        for key in sorted(moves.keys() - found.keys()):
            notes.add("transfers", f"{key[1]} to {key[2]} is missing: {shown(moves[key].readers)} reads it there")
        for key in sorted(found.keys() - moves.keys()):
            notes.add(f"transfers[{key[1]}]", f"nobody at {key[2]} needs it brought")
        for key in sorted(found.keys() & moves.keys()):
            self._check_transfer(f"transfers[{key[1]} to {key[2]}]", found[key], moves[key], tariff)
        self._check_destinations(placement, list(moves.values()), carried, permits)
        notes.checked.append(f"{len(plan.transfers)} transfers")
        return placement

    def _check_transfer(self, where: str, each: Transfer, move: Move, tariff: Tariff) -> None:
        self.notes.same(f"{where}.from", each.origin, move.origin)
        self.notes.same(f"{where}.readers", list(each.readers), list(move.readers))
        size_bytes = move.datum.size_bytes
        self.notes.near(f"{where}.bytes", each.size_bytes, size_bytes)
        self.notes.near(f"{where}.seconds", each.seconds, tariff.moving("time", size_bytes, move.origin, move.target))
        for objective in LINEAR:
            if objective != "bytes":
                expected = tariff.moving(objective, size_bytes, move.origin, move.target)
                self.notes.near(f"{where}.{objective}", each.costs[objective], expected)

    def _check_destinations(self, placement: Placement, moves: list[Move], carried: Carried, permits: Permits) -> None:
        """Check by the site rules that transfers go only where their data may be."""
        graph = placement.graph
        for move in moves:
            for name in move.readers:
                for step in graph.tasks[name].steps:
                    for read in step.reads:
                        if read.datum != move.datum.key:
                            continue
                        decision = permits.bars(found_in(read, carried, self.inputs.datasets), None, move.target)
                        if decision is not None:
                            where = f"transfers[{move.datum.key} to {move.target}].to"
                            self.notes.add(where, f"is denied by {decision.rule}: {decision.message}")

    def _check_costs(self, placement: Placement, waits: Waits) -> dict[str, float]:
        """Times of all tasks; all four costs."""
        times = {task.name: (task.start, task.end) for task in self.plan.tasks}
        if any(each.objective == "time" for each in self.plan.cost):
            check_kept(placement, waits, times, self.notes)
        else:
            check_as_defined(placement, waits, times, self.notes)
        makespan = max((end for _, end in times.values()), default=0.0)
        self.notes.checked.append(f"the schedule and all four costs ({', '.join(OBJECTIVES)})")
        return {**placement.costs(placement.moves()), "time": makespan}
