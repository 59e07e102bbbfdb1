"""Other sites for a task: refused, over a quota, or at what difference in cost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeline_splitter.checking.definition.costs import Placement, is_brought
from pipeline_splitter.checking.definition.governance import Denied, Permits
from pipeline_splitter.checking.definition.schedule import Waits, by_definition
from pipeline_splitter.checking.findings import TOLERANCE, Notes, is_near, shown
from pipeline_splitter.plan import Alternative, PlannedTask

MOST_RESCHEDULED = 2_000_000
"""Tasks taken in all the schedules that are made anew; of more moves than that only some are looked at."""


@dataclass
class Moves:
    """The marginal costs of a block's moves by a linear objective: only the data that it touches are recounted."""

    placement: Placement
    objective: str
    readers: dict[str, Counter[str]] = field(default_factory=dict)
    """The number of tasks that read each datum at each site, its writer not counted."""
    written: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.placement.graph
        for name, task in graph.tasks.items():
            for key in task.reads:
                if is_brought(graph.data[key], name):
                    self.readers.setdefault(key, Counter())[self.placement.site_of[name]] += 1
        for key in self.readers:
            if (producer := graph.data[key].producer) is not None:
                self.written.setdefault(producer, []).append(key)

    def delta(self, members: Iterable[str], target: str) -> tuple[float, float]:
        """Return the difference, and the sum of the magnitudes in it."""
        placement, graph = self.placement, self.placement.graph
        names = set(members)
        terms: list[float] = []
        touched: dict[str, int] = {}
        here = ""
        for name in names:
            task, here = graph.tasks[name], placement.site_of[name]
            terms.append(-placement.tariff.computing(self.objective, task, here))
            terms.append(placement.tariff.computing(self.objective, task, target))
            for key in task.reads:
                if is_brought(graph.data[key], name):
                    touched[key] = touched.get(key, 0) + 1
            for key in self.written.get(name, ()):
                touched.setdefault(key, 0)
        for key, count in touched.items():
            terms.extend(self._of_datum(key, count, names, here, target))
        return sum(terms), sum(map(abs, terms))

    def _of_datum(self, key: str, moving: int, names: set[str], here: str, target: str) -> Iterable[float]:
        """Yield the costs of a datum's crossings now (negative) and after the move, leaving out those that stay."""
        readers, producer = self.readers[key], self.placement.graph.data[key].producer
        then = {site: count for site, count in readers.items() if site in {here, target}}
        then[here] = then.get(here, 0) - moving
        then[target] = then.get(target, 0) + moving
        if producer not in names:
            for site in (here, target):
                if (readers[site] > 0) != (then[site] > 0):
                    price = self._price(key, None, site)
                    yield price if then[site] > 0 else -price
            return
        for site in {*readers, target}:
            if readers[site] > 0:
                yield -self._price(key, here, site)
            if then.get(site, readers[site]) > 0:
                yield self._price(key, target, site)

    def _price(self, key: str, origin: str | None, target: str) -> float:
        datum = self.placement.graph.data[key]
        origin = self.placement.origin(datum, target) if origin is None else origin
        return self.placement.tariff.moving(self.objective, datum.size_bytes, origin, target)


@dataclass
class Elsewhere:
    """Everything that is needed to look at alternatives."""

    placement: Placement
    blocks: Mapping[str, tuple[str, ...]]
    permits: Permits
    waits: Waits
    objective: str
    notes: Notes
    makespan_seconds: float = 0.0
    """The end of the plan's last task."""
    _times: dict[tuple[str, str], float] = field(default_factory=dict)

    def check(self, tasks: Iterable[PlannedTask]) -> None:
        """Check each task's alternatives."""
        tasks = tuple(tasks)
        inventory = self.placement.tariff.inventory
        used = dict.fromkeys(inventory.sites, 0.0)
        for name, site in self.placement.site_of.items():
            used[site] += self.placement.tariff.hours(self.placement.graph.tasks[name], site)
        moves = Moves(self.placement, self.objective) if self.objective != "time" else None
        step = self._stride(len(tasks), len(inventory.sites)) if moves is None else 1
        for number, task in enumerate(sorted(tasks, key=lambda each: each.name)):
            expected = sorted(set(inventory.sites) - {task.site})
            where = f"tasks[{task.name}].alternatives"
            if not self.notes.same(f"{where} (sites)", [each.site for each in task.alternatives], expected):
                continue
            for each in task.alternatives:
                self._check_one(f"{where}[{each.site}]", task, each, used, moves, deltas=number % step == 0)

    def _stride(self, tasks: int, sites: int) -> int:
        """Return the sampling step, so that the schedules for the moves of tasks take bounded time."""
        step = max(1, -(-tasks * tasks * (sites - 1) // MOST_RESCHEDULED))
        if step > 1:
            self.notes.unchecked.append(f"costDelta in time: computed for one task in {step} only")
        return step

    def _check_one(  # noqa: PLR0913 - called in one place
        self,
        where: str,
        task: PlannedTask,
        each: Alternative,
        used: Mapping[str, float],
        moves: Moves | None,
        *,
        deltas: bool,
    ) -> None:
        members = self.blocks[task.name]
        denied: set[Denied] = set()
        for member in members:
            denied |= self.permits.denied(member, each.site)
        if denied:
            self._check_denial(where, each, denied)
            return
        quota = self.placement.tariff.inventory.sites[each.site].quota_cpu_hours
        if quota is not None:
            graph = self.placement.graph
            needed = used[each.site] + sum(
                self.placement.tariff.hours(graph.tasks[member], each.site) for member in members
            )
            is_borderline = is_near(needed, quota * (1 + TOLERANCE))
            if each.denied is not None and is_borderline:
                denied = {("QuotaExceeded", None)}
            if needed > quota * (1 + TOLERANCE) and not (is_borderline and each.denied is None):
                denied = {("QuotaExceeded", None)}
        if denied or each.denied is not None:
            self._check_denial(where, each, denied)
            return
        if each.cost_delta is None or not deltas:
            return
        if moves is None:
            delta, scale = self._in_time(members, each.site)
        else:
            delta, scale = moves.delta(members, each.site)
        self.notes.near(f"{where}.costDelta", each.cost_delta, delta, scale)

    def _check_denial(self, where: str, each: Alternative, expected: set[Denied]) -> None:
        words = shown(sorted(f"{rule} ({ref})" if ref else rule for rule, ref in expected))
        if each.denied is None:
            self.notes.add(where, f"is listed as possible, but should be denied by {words}")
        elif not expected:
            self.notes.add(f"{where}.denied", f"is {each.denied.rule}, but nothing keeps the task from there")
        elif (each.denied.rule, each.denied.dataset) not in expected:
            said = f"{each.denied.rule} ({each.denied.dataset})" if each.denied.dataset else each.denied.rule
            self.notes.add(f"{where}.denied", f"is {said}, expected {words}")

    def _in_time(self, members: tuple[str, ...], site: str) -> tuple[float, float]:
        """Return by how much later the run would end after the move, by the schedule by definition."""
        before = self.makespan_seconds
        after = self._makespan(members, site)
        return after - before, max(before, after)

    def _makespan(self, members: tuple[str, ...], site: str) -> float:
        key = (members[0] if members else "", site)
        if key not in self._times:
            moved = {**self.placement.site_of, **dict.fromkeys(members, site)}
            times = by_definition(replace(self.placement, site_of=moved), self.waits)
            self._times[key] = max((end for _, end in times.values()), default=0.0)
        return self._times[key]
