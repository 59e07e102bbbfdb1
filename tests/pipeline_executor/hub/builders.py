"""Plans, states and what is seen, for tables and properties."""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.model import DatasetRef, Governance
from moorage.runs import ExportSpec, GroupPhase, RunPhase, RunRef, StretchedPipeline
from moorage.runs.pipelines import PipelineSource
from pipeline_executor.distribution import SeenGroup
from pipeline_executor.hub.deciding import PlanFound, Verdict, World, decide
from pipeline_executor.hub.groups import Datum, SiteSight
from pipeline_executor.hub.inforce import InForce, PlannedGroup, PlannedImport
from pipeline_executor.hub.state import GroupState, PlanMark, RunState

RUN = RunRef("ns", "run", "uid-1")
NOW = "2026-11-29T12:00:00Z"


def make_run(**changes: Any) -> StretchedPipeline:  # noqa: ANN401 - of a run
    """A run."""
    return StretchedPipeline(RUN, PipelineSource(inline="x"), **changes)


def make_plan(
    needs: Mapping[str, Sequence[str]], *, after: Mapping[str, Sequence[str]] | None = None, revision: int = 1
) -> InForce:
    """A plan of groups named `<site>-<n>`, each exporting `<id>.data`; `needs`: whose data each imports."""
    groups = {}
    for name, sources in needs.items():
        site = name.rpartition("-")[0]
        imports = tuple(
            PlannedImport(f"from-{other}", f"{other}.data", False, other, other.rpartition("-")[0])  # noqa: FBT003
            for other in sources
        )
        before = tuple(sorted({*sources, *(after or {}).get(name, ())}))
        exports = (ExportSpec("data", artifact=f"{name}.data"),)
        groups[name] = PlannedGroup(name, site, (name,), before, f"groups/{name}.yaml", "0" * 64, (), imports, exports)
    mark = PlanMark(revision, f"digest-{revision}", "plan.json" if revision == 1 else f"{revision}/plan.json", "money")
    return InForce(mark, groups, {name: group.site for name, group in groups.items()}, 1000)


def datum(group: str) -> Datum:
    """What a group of `make_plan` gives out."""
    return Datum(group.rpartition("-")[0], f"{group}.data")


def seen(name: str, phase: GroupPhase | None = GroupPhase.RUNNING, attempt: int = 1, **changes: Any) -> SeenGroup:  # noqa: ANN401
    """A PipelineGroup."""
    site = name.rpartition("-")[0]
    return SeenGroup(
        "ns", f"uid-1-{name}-{attempt}", f"{name}-{attempt}", RUN, name, attempt, site, phase=phase, **changes
    )


def state_of(plan: InForce, phases: Mapping[str, GroupPhase] | None = None, **changes: Any) -> RunState:  # noqa: ANN401
    """A running run's status: groups in `phases` were submitted once, the others never."""
    groups = tuple(
        GroupState(name, group.site, phases[name], 1) if phases and name in phases else GroupState(name, group.site)
        for name, group in plan.groups.items()
    )
    return RunState(**{"phase": RunPhase.RUNNING, "plan": plan.mark, "groups": groups, "start": NOW, **changes})


def decided(  # noqa: PLR0913 - each is a keyword
    state: RunState,
    plan: InForce | None,
    *,
    run: StretchedPipeline | None = None,
    found: PlanFound | None = None,
    groups: Sequence[SeenGroup] = (),
    manifests: Sequence[Datum] = (),
    sites: Mapping[str, SiteSight] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Verdict:
    """The decision in a world where all is well but what is said."""
    names = {group.site for group in plan.groups.values()} if plan is not None else set()
    sights = {name: SiteSight() for name in names} | dict(sites or {})
    told = dict(refused or {})
    world = World(
        run or make_run(),
        state,
        plan,
        found,
        tuple(groups),
        sights,
        set(manifests),
        lambda group: told.get(group.id),
        NOW,
    )
    return decide(world)


def phases(verdict: Verdict) -> dict[str, str]:
    """Each group's phase."""
    return {group.id: group.phase.value for group in verdict.state.groups}


def submitted(verdict: Verdict) -> list[tuple[str, int]]:
    """What is submitted."""
    return [(group.id, attempt) for group, attempt in verdict.submit]


RULES = {DatasetRef("steward", "claims"): Governance()}
