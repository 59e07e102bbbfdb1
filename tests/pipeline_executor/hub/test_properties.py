"""In whatever order things happen, and wherever the hub is killed: nothing too early, nothing twice, nothing lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.runs import GroupPhase, RunPhase, StretchedPipeline
from pipeline_executor.distribution import SeenGroup
from pipeline_executor.hub.deciding import Verdict
from pipeline_executor.hub.groups import Datum, SiteSight
from pipeline_executor.hub.inforce import InForce
from pipeline_executor.hub.state import RunState, read_state, write_state
from tests.pipeline_executor.hub.builders import datum, decided, make_plan, make_run, seen, state_of

_SITES = ("as", "eu", "us")
_MOST_TURNS = 400


@st.composite
def plans(draw: st.DrawFn) -> InForce:
    """Up to seven groups at three sites; each takes from, or only comes after, some of those before it."""
    count = draw(st.integers(1, 7))
    names: list[str] = []
    needs: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for index in range(count):
        name = f"{draw(st.sampled_from(_SITES))}-{index + 1}"
        earlier = list(names)
        needs[name] = [each for each in earlier if draw(st.integers(0, 3)) == 0]
        after[name] = [each for each in earlier if each not in needs[name] and draw(st.integers(0, 5)) == 0]
        names.append(name)
    return make_plan(needs, after=after)


@dataclass
class Clusters:
    """What is outside of the hub: PipelineGroups, and the manifests that their spokes wrote."""

    plan: InForce
    sites_get_lost: bool = False
    groups: dict[str, SeenGroup] = field(default_factory=dict)
    manifests: set[Datum] = field(default_factory=set)
    submissions: list[tuple[str, int]] = field(default_factory=list)

    def submit(self, group: str, attempt: int) -> None:
        """As an API server does: the same name twice is one object. Refuses what comes too early."""
        for each in self.plan.groups[group].imports:
            assert datum(each.group) in self.manifests, f"{group} before {each.datum}"
        for before in self.plan.groups[group].only_after:
            done = [each for each in self.groups.values() if each.group == before]
            # Of a group that was lost, all that it gives out stands for its success.
            complete = self.sites_get_lost and datum(before) in self.manifests
            succeeded = complete or any(each.phase is GroupPhase.SUCCEEDED for each in done)
            assert succeeded, f"{group} before {before} has succeeded"
        made = seen(group, None, attempt)
        if made.name not in self.groups:
            self.groups[made.name] = made
            self.submissions.append((group, attempt))

    def advance(self, choice: int) -> None:
        """One spoke does one thing."""
        open_ones = sorted(name for name, group in self.groups.items() if not group.is_final)
        if not open_ones:
            return
        group = self.groups[open_ones[choice % len(open_ones)]]
        if group.cancel:
            self.groups[group.name] = replace(group, phase=GroupPhase.CANCELLED)
        elif group.phase is None:
            self.groups[group.name] = replace(group, phase=GroupPhase.RUNNING)
        elif datum(group.group) not in self.manifests:
            self.manifests.add(datum(group.group))
        else:
            self.groups[group.name] = replace(group, phase=GroupPhase.SUCCEEDED)


def turn(
    clusters: Clusters,
    state: RunState,
    dies_after: int | None,
    *,
    run: StretchedPipeline | None = None,
    sites: Mapping[str, SiteSight] | None = None,
) -> RunState:
    """One turn of a hub that may die after so many of its writes; the status that is left."""
    verdict: Verdict = decided(
        state,
        clusters.plan,
        groups=list(clusters.groups.values()),
        manifests=list(clusters.manifests),
        run=run,
        sites=sites,
    )
    writes = 0
    for group in verdict.cancel:
        if dies_after is not None and writes >= dies_after:
            return state
        clusters.groups[group.name] = replace(clusters.groups[group.name], cancel=True)
        writes += 1
    for planned, attempt in verdict.submit:
        if dies_after is not None and writes >= dies_after:
            return state
        clusters.submit(planned.id, attempt)
        writes += 1
    if dies_after is not None and writes >= dies_after:
        return state
    return read_state(write_state(verdict.state, 1))


def to_the_end(clusters: Clusters, state: RunState) -> RunState:
    """Spokes and hub take turns until nothing changes."""
    for step in range(_MOST_TURNS):
        state = turn(clusters, state, None)
        if state.phase is not None and state.phase.is_final:
            return state
        clusters.advance(step)
    raise AssertionError(state)


@given(plans(), st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 4)), max_size=40))
@settings(max_examples=150, deadline=None)
def test_no_group_is_early_twice_or_lost(plan: InForce, steps: list[tuple[int, int | None]]) -> None:
    """The hub is killed anywhere: each group is submitted once, after all that it needs, and the run succeeds."""
    clusters, state = Clusters(plan), read_state(write_state(state_of(plan), 1))
    for choice, dies_after in steps:
        state = turn(clusters, state, dies_after)
        clusters.advance(choice)
    state = to_the_end(clusters, state)
    assert state.phase is RunPhase.SUCCEEDED
    assert sorted(clusters.submissions) == sorted((name, 1) for name in plan.groups)
    assert {group.id: group.phase for group in state.groups} == dict.fromkeys(plan.groups, GroupPhase.SUCCEEDED)


@given(plans(), st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 4)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_cancelling_ends_all_and_begins_nothing(plan: InForce, steps: list[tuple[int, int | None]]) -> None:
    """Whenever it comes: nothing is submitted after it, and in the end nothing runs."""
    clusters, state = Clusters(plan), read_state(write_state(state_of(plan), 1))
    for choice, dies_after in steps:
        state = turn(clusters, state, dies_after)
        clusters.advance(choice)
    before = list(clusters.submissions)
    for step in range(_MOST_TURNS):
        state = turn(clusters, state, None, run=make_run(cancel=True))
        clusters.advance(step)
        if state.phase is not None and state.phase.is_final:
            break
    assert state.phase in {RunPhase.CANCELLED, RunPhase.SUCCEEDED}
    assert clusters.submissions == before
    assert all(group.is_final for group in clusters.groups.values())


@given(plans(), st.lists(st.tuples(st.integers(0, 9), st.sampled_from([*_SITES, ""]), st.none() | st.integers(0, 3))))
@settings(max_examples=100, deadline=None)
def test_sites_that_come_and_go_repeat_no_finished_group(
    plan: InForce, steps: list[tuple[int, str, int | None]]
) -> None:
    """Attempts grow, one after the other; what has succeeded is not submitted again; the run succeeds in the end."""
    clusters, state = Clusters(plan, sites_get_lost=True), read_state(write_state(state_of(plan), 1))
    for choice, gone, dies_after in steps:
        sites = {gone: SiteSight(1000.0, answers=False)} if gone else {}
        finished = {group.id for group in state.groups if group.phase is GroupPhase.SUCCEEDED}
        before = len(clusters.submissions)
        state = turn(clusters, state, dies_after, sites=sites)
        assert not finished & {group for group, _ in clusters.submissions[before:]}
        clusters.advance(choice)
    state = to_the_end(clusters, state)
    assert state.phase is RunPhase.SUCCEEDED
    for name in plan.groups:
        attempts = [attempt for group, attempt in clusters.submissions if group == name]
        assert attempts == list(range(1, len(attempts) + 1))
