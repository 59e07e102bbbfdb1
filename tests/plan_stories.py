"""Plans made by hand: three hospitals that may not share patients, and a large one in layers.

Their figures are sums over what is written here, not a solver's: they are for what shows and writes plans.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from moorage.model import Classification, DatasetRef, Governance, Link, Site
from moorage.sites import Inventory
from pipeline_splitter.graph import Datum, DatumKind, Graph, Language, ParameterEdge, Step, Task
from pipeline_splitter.plan import (
    Alternative,
    Denial,
    Export,
    Group,
    Import,
    InsertedRelease,
    ObjectiveResult,
    Plan,
    PlannedTask,
    Transfer,
)

DIGEST = "6f1ed002ab5595859014ebf0951522d9ce3ba5d5d3f1d5f1f6c5ad3b1a5f8a07"
KWH_PER_GB = 0.03

BERLIN = DatasetRef("charite", "admissions")
LYON = DatasetRef("lyon-hcl", "admissions")
BOSTON = DatasetRef("mass-general", "admissions")
CODES = DatasetRef("terminology", "icd-codes")

_GOVERNANCE = {
    BERLIN: Governance(
        Classification.RESTRICTED,
        residency=frozenset({"DE"}),
        purposes=frozenset({"research"}),
        consumers=frozenset({"sepsis-study"}),
        confidential_compute=True,
    ),
    LYON: Governance(
        Classification.CONFIDENTIAL,
        residency=frozenset({"EU"}),
        purposes=frozenset({"research", "care"}),
        consumers=frozenset({"sepsis-study/trainer"}),
    ),
    BOSTON: Governance(Classification.CONFIDENTIAL, residency=frozenset({"US"}), consumers=frozenset({"sepsis-study"})),
    CODES: Governance(consumers=frozenset({"sepsis-study", "lyon-hcl"})),
}
_RELEASED = Governance(Classification.INTERNAL, purposes=frozenset({"research"}), consumers=frozenset({"sepsis-study"}))

HOSPITALS = Inventory.of(
    (
        Site(
            "berlin",
            "DE",
            Classification.RESTRICTED,
            confidential_compute=True,
            cpu_hour_price=0.061,
            carbon_grams_per_kwh=340,
            links={"lyon": Link(125e6, 0.02, 0.02), "boston": Link(60e6, 0.09, 0.08)},
        ),
        Site(
            "boston",
            "US-MA",
            Classification.CONFIDENTIAL,
            cpu_hour_price=0.032,
            carbon_grams_per_kwh=390,
            links={"berlin": Link(60e6, 0.09, 0.09), "lyon": Link(60e6, 0.08, 0.09)},
        ),
        Site(
            "lyon",
            "FR",
            Classification.CONFIDENTIAL,
            cpu_hour_price=0.045,
            carbon_grams_per_kwh=56,
            links={"berlin": Link(125e6, 0.02, 0.02), "boston": Link(60e6, 0.08, 0.05)},
        ),
    )
)


@dataclass(frozen=True)
class Line:
    """One task of the story: where it is, what it reads, how large what it writes is."""

    name: str
    site: str
    reads: tuple[str, ...]
    size_bytes: float
    seconds: float = 120
    carries: tuple[DatasetRef, ...] = ()
    reason: str = "cheapest of the sites that may see its data"
    cores: float = 4
    assumed: tuple[str, ...] = ()
    released: bool = False


_LINES = (
    Line("clean-berlin", "berlin", (str(BERLIN), str(CODES)), 9.1e9, 840, (BERLIN, CODES), "its data may not leave DE"),
    Line("clean-lyon", "lyon", (str(LYON), str(CODES)), 6.4e9, 610, (LYON, CODES), "saves bringing 11.8 GB"),
    Line("clean-boston", "boston", (str(BOSTON), str(CODES)), 7.7e9, 700, (BOSTON, CODES), "its data may not leave US"),
    Line(
        "features-berlin", "berlin", ("clean-berlin.table",), 2.2e9, 420, (BERLIN, CODES), "its data may not leave DE"
    ),
    Line("features-lyon", "lyon", ("clean-lyon.table",), 1.3e9, 380, (LYON, CODES), "saves bringing 6.4 GB"),
    Line(
        "features-boston", "boston", ("clean-boston.table",), 1.6e9, 400, (BOSTON, CODES), "its data may not leave US"
    ),
    Line(
        "pseudonymise-features-berlin",
        "berlin",
        ("features-berlin.features",),
        0.9e9,
        180,
        (BERLIN, CODES),
        "an inserted release: it lets train-europe read the berlin features outside of DE",
        released=True,
    ),
    Line(
        "train-europe",
        "lyon",
        ("features-lyon.features", "pseudonymise-features-berlin.released"),
        0.21e9,
        3600,
        (BERLIN, LYON, CODES),
        "cheapest of the sites that may see its data; 0.9 GB are brought, already pseudonymised",
        16,
    ),
    Line(
        "train/boston",
        "boston",
        ("features-boston.features",),
        0.18e9,
        3300,
        (BOSTON, CODES),
        "its data may not leave US",
        16,
        ("cpu",),
    ),
    Line("summarise-boston", "boston", ("train/boston.model",), 2.4e6, 60, (BOSTON,), assumed=("seconds", "cpu")),
    Line("summarise-europe", "lyon", ("train-europe.model",), 3.1e6, 60, (BERLIN, LYON), assumed=("seconds", "cpu")),
    Line("calibrate", "lyon", ("summarise-europe.summary", "codes-table"), 1.2e6, 90, (BERLIN, LYON)),
    Line("compare-sites", "lyon", ("calibrate.curve", "summarise-europe.summary"), 0.4e6, 45, (BERLIN, LYON)),
    Line("publish", "lyon", ("compare-sites.report",), 0.4e6, 30, (BERLIN, LYON), assumed=("seconds",)),
)
_OUTPUT = {"clean": "table", "features": "features", "pseudonymise": "released", "train": "model"}
_SOURCES = {
    str(BERLIN): (BERLIN, 18.4e9, "berlin"),
    str(LYON): (LYON, 11.8e9, "lyon"),
    str(BOSTON): (BOSTON, 15.0e9, "boston"),
    str(CODES): (CODES, 0.34e9, "lyon"),
    "codes-table": (CODES, 12e6, "lyon"),
}


def hospitals() -> tuple[Plan, Graph, Inventory]:
    """Three hospitals train a sepsis model: 14 tasks, three sites, one inserted release."""
    data = {
        key: Datum(key, DatumKind.DATASET, None, size, ref, assumed=key == "codes-table")
        for key, (ref, size, _) in _SOURCES.items()
    }
    for line in _LINES:
        word = line.name.partition("-")[0].partition("/")[0]
        output = {"summarise": "summary", "calibrate": "curve", "compare": "report", "publish": "page"}.get(word)
        key = f"{line.name}.{output or _OUTPUT[word]}"
        data[key] = Datum(key, DatumKind.ARTIFACT, line.name, line.size_bytes)
    tasks = {
        line.name: Task(
            line.name,
            (Step(line.name, line.name),),
            line.seconds,
            line.seconds * line.cores,
            {"cpu": line.cores},
            tuple(sorted(line.reads)),
            assumed=line.assumed,
            is_unit=line.name.startswith("train/"),
            release=(BERLIN, "pseudonymise") if line.released else None,
        )
        for line in sorted(_LINES, key=lambda line: line.name)
    }
    graph = Graph(
        "sepsis-risk",
        DIGEST,
        Language.KFP,
        tasks,
        data=data,
        parameters=(ParameterEdge("summarise-boston", "auc", "compare-sites", "boston_auc"),),
        order=frozenset({("calibrate", "publish")}),
        warnings=(
            "task publish states no seconds: 60 s are assumed; give hint tasks.publish.seconds to plan with better",
        ),
    )
    site_of = {line.name: line.site for line in _LINES}
    transfers = bring(graph, site_of, {key: site for key, (_, _, site) in _SOURCES.items()}, HOSPITALS)
    planned = _scheduled(graph, site_of, transfers, HOSPITALS)
    details = {line.name: line for line in _LINES}
    placed = tuple(
        replace(
            task,
            reason=details[task.name].reason,
            governance={
                ref: (_RELEASED if ref == BERLIN and task.site != "berlin" else _GOVERNANCE[ref])
                for ref in details[task.name].carries
            },
            inserted=details[task.name].released,
            assumed=details[task.name].assumed,
            alternatives=tuple(
                _alternative(details[task.name], other) for other in HOSPITALS.sites if other != task.site
            ),
        )
        for task in planned
    )
    costs = costs_of(graph, site_of, placed, transfers, HOSPITALS)
    plan = Plan(
        graph.name,
        DIGEST,
        (
            ObjectiveResult(
                "money",
                costs["money"],
                costs["money"],
                0,
                optimal=True,
                certified=True,
                solver="messages",
            ),
        ),
        costs,
        placed,
        transfers,
        (
            Group(
                "berlin-1",
                "berlin",
                ("clean-berlin", "features-berlin", "pseudonymise-features-berlin"),
                (),
                "groups/berlin-1.yaml",
                (),
                (Export("released", artifact="pseudonymise-features-berlin.released"),),
            ),
            Group(
                "boston-1",
                "boston",
                ("clean-boston", "features-boston", "train/boston", "summarise-boston"),
                (),
                "groups/boston-1.yaml",
                (),
                (Export("auc", value="summarise-boston.auc"),),
            ),
            Group(
                "lyon-1",
                "lyon",
                tuple(line.name for line in _LINES if line.site == "lyon"),
                ("berlin-1", "boston-1"),
                "groups/lyon-1.yaml",
                (
                    Import("released_uri", "berlin-1", artifact="pseudonymise-features-berlin.released"),
                    Import("boston_auc", "boston-1", value="summarise-boston.auc"),
                ),
            ),
        ),
        (
            InsertedRelease(
                BERLIN,
                "pseudonymise",
                "pseudonymise-features-berlin",
                "berlin",
                "features-berlin.features",
                ("train-europe",),
            ),
        ),
        graph.warnings,
    )
    return plan, graph, HOSPITALS


def _alternative(line: Line, other: str) -> Alternative:
    country = {"berlin": "DE", "lyon": "FR", "boston": "US-MA"}[other]
    for ref in sorted(line.carries):
        rules = _RELEASED if ref == BERLIN and line.site == "lyon" else _GOVERNANCE[ref]
        kept = rules.residency or frozenset()
        if kept in ({"DE"}, {"US"}) or (kept == {"EU"} and other == "boston"):
            places = ", ".join(sorted(kept))
            message = (
                f"dataset {ref} must stay in {places} and site {other} lies in {country}: run at a site that lies "
                f"there, or ask the steward of dataset {ref} to widen spec.governance.residency"
            )
            return Alternative(other, denied=Denial("ResidencyViolated", message, ref))
    return Alternative(other, cost_delta=round(0.0021 + line.seconds * line.cores / 3600 * 0.016, 6))


def bring(
    graph: Graph, site_of: Mapping[str, str], source_of: Mapping[str, str], inventory: Inventory
) -> tuple[Transfer, ...]:
    """Each datum once to each site where somebody reads it."""
    readers: dict[tuple[str, str], list[str]] = {}
    for task in graph.tasks.values():
        for key in task.reads:
            readers.setdefault((key, site_of[task.name]), []).append(task.name)
    found = []
    for (key, target), names in sorted(readers.items()):
        datum = graph.data[key]
        origin = source_of[key] if datum.producer is None else site_of[datum.producer]
        if origin != target:
            link = inventory.link(origin, target)
            gigabytes = datum.size_bytes / 1e9
            grams = (inventory.sites[origin].carbon_grams_per_kwh + inventory.sites[target].carbon_grams_per_kwh) / 2
            found.append(
                Transfer(
                    datum.kind,
                    str(datum.dataset) if datum.kind is DatumKind.DATASET else key,
                    origin,
                    target,
                    datum.size_bytes,
                    link.seconds(datum.size_bytes),
                    {"money": gigabytes * link.price_per_gb, "carbon": gigabytes * KWH_PER_GB * grams},
                    tuple(sorted(names)),
                )
            )
    return tuple(found)


def _scheduled(
    graph: Graph, site_of: Mapping[str, str], transfers: Iterable[Transfer], inventory: Inventory
) -> tuple[PlannedTask, ...]:
    delay = {(name, transfer.key): transfer.seconds for transfer in transfers for name in transfer.readers}
    before: dict[str, list[str]] = {name: [] for name in graph.tasks}
    for earlier, later in sorted(graph.edges()):
        before[later].append(earlier)
    ends: dict[str, float] = {}
    planned: dict[str, PlannedTask] = {}
    while len(planned) < len(graph.tasks):
        name = next(name for name in graph.tasks if name not in planned and all(one in planned for one in before[name]))
        task = graph.tasks[name]
        start = max((ends[one] for one in before[name]), default=0.0)
        for key in task.reads:
            producer = graph.data[key].producer
            start = max(start, (ends[producer] if producer else 0.0) + delay.get((name, key), 0.0))
        ends[name] = start + task.seconds / inventory.sites[site_of[name]].speed
        planned[name] = PlannedTask(name, site_of[name], f"{site_of[name]}-1", start, ends[name], "", {})
    return tuple(planned[name] for name in sorted(planned))


def costs_of(
    graph: Graph,
    site_of: Mapping[str, str],
    placed: Sequence[PlannedTask],
    transfers: Sequence[Transfer],
    inventory: Inventory,
) -> dict[str, float]:
    """All four."""
    hours = {name: task.cpu_seconds / inventory.sites[site_of[name]].speed / 3600 for name, task in graph.tasks.items()}
    sites = {name: inventory.sites[site_of[name]] for name in graph.tasks}
    return {
        "bytes": sum(transfer.size_bytes for transfer in transfers),
        "money": sum(hours[name] * sites[name].cpu_hour_price for name in hours)
        + sum(transfer.costs["money"] for transfer in transfers),
        "carbon": sum(hours[n] * sites[n].cpu_watts / 1000 * sites[n].carbon_grams_per_kwh for n in hours)
        + sum(transfer.costs["carbon"] for transfer in transfers),
        "time": max((task.end for task in placed), default=0.0),
    }


def layered(count: int, site_count: int, seed: int = 1) -> tuple[Plan, Graph, Inventory]:
    """`count` tasks in layers, at random sites of `site_count`."""
    chance = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    names = [f"task-{index:05d}" for index in range(count)]
    width = max(2, int(count**0.5))
    inventory = Inventory.of(
        Site(f"site-{index:02d}", "DE", cpu_hour_price=0.03 + index / 1000, carbon_grams_per_kwh=100 + 10 * index)
        for index in range(site_count)
    )
    sites = list(inventory.sites)
    data = {
        f"{name}.out": Datum(f"{name}.out", DatumKind.ARTIFACT, name, 1e6 * chance.randint(1, 4000)) for name in names
    }
    tasks = {}
    site_of: dict[str, str] = {}
    for index, name in enumerate(names):
        layer = index // width
        earlier = names[max(0, (layer - 1) * width) : layer * width]
        reads = tuple(sorted(f"{other}.out" for other in chance.sample(earlier, min(len(earlier), 3))))
        tasks[name] = Task(name, (Step(name, name),), 60.0, 60.0, {}, reads)
        near = [site_of[data[key].producer or ""] for key in reads]
        site_of[name] = chance.choice(near) if near and chance.random() < 0.9 else chance.choice(sites)
    graph = Graph("layers", DIGEST, Language.WFFORMAT, tasks, data=data)
    transfers = bring(graph, site_of, {}, inventory)
    # A group opens where a path comes to another site, so that no two groups wait for each other.
    level: dict[str, int] = {}
    for name in names:
        before = [data[key].producer or "" for key in tasks[name].reads]
        level[name] = max((level[one] + (site_of[one] != site_of[name]) for one in before), default=1)
    group_of = {name: f"{site_of[name]}-{level[name]}" for name in names}
    denied = Denial("ResidencyViolated", "the joined data must stay in EU and this site lies in US: run elsewhere")
    placed = tuple(
        replace(
            task,
            group=group_of[task.name],
            reason="cheapest of the sites that may see its data",
            alternatives=tuple(
                Alternative(site, denied=denied) if index % 3 == 0 else Alternative(site, cost_delta=index / 100)
                for index, site in enumerate(sites)
                if site != task.site
            ),
        )
        for task in _scheduled(graph, site_of, transfers, inventory)
    )
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(group_of[name], []).append(name)
    after: dict[str, set[str]] = {group: set() for group in members}
    for one, other in graph.edges():
        if group_of[one] != group_of[other]:
            after[group_of[other]].add(group_of[one])
    groups = tuple(
        Group(group, site_of[members[group][0]], tuple(members[group]), tuple(sorted(after[group])))
        for group in sorted(members, key=lambda group: (level[members[group][0]], group))
    )
    costs = costs_of(graph, site_of, placed, transfers, inventory)
    result = ObjectiveResult(
        "money", costs["money"], costs["money"] * 0.992, 0.008, optimal=False, certified=True, solver="messages"
    )
    return Plan(graph.name, DIGEST, (result,), costs, placed, transfers, groups), graph, inventory


def rename(plan: Plan, new_name: Callable[[str], str]) -> Plan:
    """The plan with other task names, wherever they stand."""
    return replace(
        plan,
        tasks=tuple(replace(task, name=new_name(task.name)) for task in plan.tasks),
        groups=tuple(replace(group, tasks=tuple(map(new_name, group.tasks))) for group in plan.groups),
        transfers=tuple(replace(each, readers=tuple(map(new_name, each.readers))) for each in plan.transfers),
    )
