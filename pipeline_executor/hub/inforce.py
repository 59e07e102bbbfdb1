"""The plan in force, as far as releasing groups asks of it: small enough to keep for every run. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from moorage.errors import InputError
from moorage.model import DatasetRef, Governance
from moorage.policy import join_maps
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import Fields
from moorage.runs import ExportSpec, GroupSpec, ImportSpec, RunRef
from moorage.wire.governance import read_governance
from pipeline_executor.hub.state import PlanMark
from pipeline_splitter.plan import Group, Plan
from pipeline_splitter.plan_reading import read_plan

PLAN, INPUTS = "plan.json", "inputs.json"
MOST_PLAN_BYTES = 64 << 20

Rules = Mapping[DatasetRef, Governance]


@dataclass(frozen=True, slots=True)
class PlannedImport:
    """What a group is given.

    Attributes:
        parameter: of the group's pipeline.
        datum: `<task>.<output>`.
        is_value: a parameter that crosses, not an artifact.
        group: the id of the group that makes it.
        site: that group's.
        carried: the rules that hold for it, as its readers here were planned by; empty where nothing crosses.
    """

    parameter: str
    datum: str
    is_value: bool
    group: str
    site: str
    carried: Rules = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """One group. `parameters`: names of the run's that it takes; `task_names`: as in `GroupSpec`."""

    id: str
    site: str
    tasks: tuple[str, ...]
    after: tuple[str, ...]
    file: str
    file_sha256: str
    parameters: tuple[str, ...] = ()
    imports: tuple[PlannedImport, ...] = ()
    exports: tuple[ExportSpec, ...] = ()
    task_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def only_after(self) -> tuple[str, ...]:
        """The groups that it waits for and takes nothing from: they must have succeeded."""
        given = {each.group for each in self.imports}
        return tuple(each for each in self.after if each not in given)


@dataclass(frozen=True, slots=True)
class InForce:
    """A plan. `datasets`: the rules of each Dataset whose data crosses, as the planner saw them, releases included."""

    mark: PlanMark
    groups: Mapping[str, PlannedGroup]
    sites_of: Mapping[str, str]
    bytes_planned: int
    datasets: Rules = field(default_factory=dict)
    inserted: frozenset[str] = frozenset()

    @property
    def sites(self) -> frozenset[str]:
        """Where its groups run."""
        return frozenset(group.site for group in self.groups.values())


def read_inforce(files: Mapping[str, bytes], revision: int, file: str, earlier: "InForce | None" = None) -> InForce:
    """The plan of these files.

    Args:
        files: `plan.json` and `inputs.json`.
        revision: which plan of the run it is, from 1.
        file: what plan.json is called below `R/plan/`.
        earlier: the plan before it: groups that both have stay as they are there.

    Raises:
        InputError: a file is missing, or can't be read.
    """
    if missing := sorted({PLAN, INPUTS} - files.keys()):
        raise InputError("plan", missing[0], "is missing in the artifact store: run the pipeline anew")
    plan = read_plan(files[PLAN], PLAN)
    inputs = read_object(files[INPUTS], INPUTS, Bounds(MOST_PLAN_BYTES))
    told = inputs.mapping("groups")
    datasets = dict(_rules(inputs.mapping("datasets")))
    sites = {group.id: group.site for group in plan.groups}
    kept = {} if earlier is None else earlier.groups
    groups = {}
    for group in plan.groups:
        if group.id not in told:
            raise InputError(INPUTS, f"groups.{group.id}", "is missing: run the pipeline anew")
        made = _group(group, plan, sites, told[group.id])
        before = kept.get(group.id)
        groups[group.id] = made if before is None else _kept(before, made)
    return InForce(
        mark=_mark(plan, files[PLAN], revision, file),
        groups=groups,
        sites_of={task.name: task.site for task in plan.tasks},
        bytes_planned=int(plan.costs["bytes"]),
        datasets=datasets,
        inserted=frozenset(task.name for task in plan.tasks if task.inserted),
    )


def _mark(plan: Plan, content: bytes, revision: int, file: str) -> PlanMark:
    first = plan.cost[0] if plan.cost else None
    return PlanMark(
        revision=revision,
        digest=hashlib.sha256(content).hexdigest(),
        file=file,
        objective=",".join(each.objective for each in plan.cost),
        value="" if first is None else f"{first.value:.6g}",
        gap="" if first is None else f"{first.gap:.6g}",
        currency=plan.currency,
    )


def _group(group: Group, plan: Plan, sites: Mapping[str, str], told: Mapping[str, Any]) -> PlannedGroup:
    return PlannedGroup(
        id=group.id,
        site=group.site,
        tasks=group.tasks,
        after=group.after,
        file=group.file,
        file_sha256=str(told["sha256"]),
        parameters=tuple(told["parameters"]),
        imports=tuple(
            PlannedImport(
                each.parameter,
                each.artifact or each.value or "",
                each.artifact is None,
                each.origin,
                sites[each.origin],
                _carried(plan, each.artifact, sites[each.origin], group),
            )
            for each in group.imports
        ),
        exports=tuple(ExportSpec(each.output, each.artifact, each.value) for each in group.exports),
        task_names=dict(told.get("taskNames") or {}),
    )


def _kept(before: PlannedGroup, now: PlannedGroup) -> PlannedGroup:
    """A group that was submitted: its file is what it was, only where its imports come from may have changed."""
    origins = {each.datum: each for each in now.imports}
    imports = tuple(
        replace(each, group=origins[each.datum].group, site=origins[each.datum].site) if each.datum in origins else each
        for each in before.imports
    )
    return replace(before, imports=imports, after=now.after)


def _carried(plan: Plan, artifact: str | None, origin: str, group: Group) -> Rules:
    """What holds for an artifact that crosses: what its readers at the group's site carry of what its maker carries.

    A reader may carry more, of its other inputs, and stricter rules; the plan permits it all the same, as readers run
    there.
    """
    readers = {
        reader
        for transfer in plan.transfers
        if transfer.key == artifact and transfer.origin == origin and transfer.target == group.site
        for reader in transfer.readers
    }
    maps = [task.governance for task in plan.tasks if task.name in readers]
    makers = [task for task in plan.tasks if artifact is not None and artifact.startswith(f"{task.name}.")]
    maker = max(makers, key=lambda task: len(task.name), default=None)
    made = None if maker is None else maker.governance
    return {ref: rules for ref, rules in join_maps(maps).items() if made is None or ref in made}


def _rules(raw: Mapping[str, Any]) -> Iterable[tuple[DatasetRef, Governance]]:
    for name, written in raw.items():
        namespace, _, short = name.partition("/")
        yield DatasetRef(namespace, short), read_governance(Fields(INPUTS, f"datasets.{name}", written))


def group_spec(
    group: PlannedGroup, run: RunRef, attempt: int, parameters: Mapping[str, Any], account: str
) -> GroupSpec:
    """What a spoke is asked."""
    return GroupSpec(
        run=run,
        group=group.id,
        attempt=attempt,
        site=group.site,
        file=group.file,
        file_sha256=group.file_sha256,
        parameters={name: parameters[name] for name in group.parameters if name in parameters},
        imports=tuple(
            ImportSpec(
                each.parameter,
                each.site,
                artifact=None if each.is_value else each.datum,
                value=each.datum if each.is_value else None,
            )
            for each in group.imports
        ),
        exports=group.exports,
        service_account=account,
        task_names=group.task_names,
    )
