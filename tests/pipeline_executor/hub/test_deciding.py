"""What a run needs next: tables of worlds."""

from dataclasses import replace

import pytest

from moorage.runs import GroupPhase, RunPhase
from pipeline_executor.hub.deciding import PlanFound
from pipeline_executor.hub.groups import SiteSight
from pipeline_executor.hub.state import GroupState, RunState
from tests.pipeline_executor.hub.builders import (
    datum,
    decided,
    make_plan,
    make_run,
    phases,
    seen,
    state_of,
    submitted,
)

CHAIN = make_plan({"eu-1": [], "us-1": ["eu-1"], "eu-2": ["us-1"]})
FORK = make_plan({"eu-1": [], "us-1": ["eu-1"], "as-1": ["eu-1"], "eu-2": ["us-1"]})
S, F, W, R, C, L = (
    GroupPhase.SUCCEEDED,
    GroupPhase.FAILED,
    GroupPhase.WAITING,
    GroupPhase.RUNNING,
    GroupPhase.CANCELLED,
    GroupPhase.LOST,
)


def test_a_new_run_is_planned() -> None:
    """Nothing is known of it: a plan is to be made, and nothing else."""
    verdict = decided(RunState(), None)
    assert (verdict.state.phase, verdict.make_plan, submitted(verdict)) == (RunPhase.PLANNING, True, [])


def test_a_plan_that_was_found_comes_into_force() -> None:
    """The first group can be submitted at once."""
    verdict = decided(RunState(phase=RunPhase.PLANNING), None, found=PlanFound(CHAIN))
    assert verdict.state.plan == CHAIN.mark
    assert submitted(verdict) == [("eu-1", 1)]


def test_a_run_says_what_is_wrong_with_a_group_that_runs() -> None:
    """Beside which groups run."""
    groups = [seen("eu-1", S), seen("us-1", R, message="train: no node may run it now"), seen("as-1", R)]
    data = [datum("eu-1"), datum("us-1")]
    verdict = decided(state_of(FORK, {"eu-1": S, "us-1": R, "as-1": R}), FORK, groups=groups, manifests=data)
    assert verdict.state.message.startswith("as-1, us-1 run; us-1: train: no node may run it now")


@pytest.mark.parametrize(
    ("found", "phase"),
    [
        pytest.param(PlanFound(problem="no", infeasible=True), RunPhase.INFEASIBLE, id="infeasible"),
        pytest.param(PlanFound(problem="no"), RunPhase.FAILED, id="refused"),
        pytest.param(PlanFound(problem="no", lasting=False), RunPhase.PLANNING, id="a store does not answer"),
    ],
)
def test_why_there_is_no_plan(found: PlanFound, phase: RunPhase) -> None:
    """What a person must mend ends the run; what mends itself is tried again."""
    verdict = decided(RunState(phase=RunPhase.PLANNING), None, found=found)
    assert verdict.state.phase is phase
    assert "no" in verdict.state.message
    assert verdict.make_plan is not found.lasting


def test_a_group_waits_for_the_manifest_of_its_import() -> None:
    """That its producer succeeded is not enough; and the message names what it waits for."""
    state = state_of(CHAIN, {"eu-1": S})
    waiting = decided(state, CHAIN, groups=[seen("eu-1", S)])
    assert submitted(waiting) == []
    assert waiting.wake_seconds is not None
    assert "manifest of artifact eu-1.data" in waiting.state.groups[1].message
    assert submitted(decided(state, CHAIN, groups=[seen("eu-1", S)], manifests=[datum("eu-1")])) == [("us-1", 1)]


def test_an_export_releases_before_its_group_has_ended() -> None:
    """A manifest is all that an import waits for."""
    verdict = decided(state_of(CHAIN, {"eu-1": R}), CHAIN, groups=[seen("eu-1")], manifests=[datum("eu-1")])
    assert submitted(verdict) == [("us-1", 1)]


@pytest.mark.parametrize(("phase", "released"), [(R, False), (S, True)])
def test_a_group_without_a_shared_import_must_have_succeeded(phase: GroupPhase, released: bool) -> None:  # noqa: FBT001
    """An order edge waits for the end, whatever manifests there are."""
    plan = make_plan({"eu-1": [], "us-1": []}, after={"us-1": ["eu-1"]})
    verdict = decided(state_of(plan, {"eu-1": phase}), plan, groups=[seen("eu-1", phase)], manifests=[datum("eu-1")])
    assert (submitted(verdict) == [("us-1", 1)]) is released


def test_the_policy_refuses_at_release() -> None:
    """The group fails with the rule; nothing is submitted; what needs it does not run."""
    state = state_of(CHAIN, {"eu-1": S})
    said = "ClearanceTooLow: eu-1.data may not be brought to site us"
    verdict = decided(state, CHAIN, groups=[seen("eu-1", S)], manifests=[datum("eu-1")], refused={"us-1": said})
    assert phases(verdict) == {"eu-1": "Succeeded", "us-1": "Failed", "eu-2": "Cancelled"}
    assert verdict.state.phase is RunPhase.FAILED
    assert said in verdict.state.message
    assert submitted(verdict) == []


def test_a_failure_stops_only_what_needs_it() -> None:
    """Another branch is still released; the run fails when nothing more can run."""
    state = state_of(FORK, {"eu-1": S, "us-1": R})
    manifests = [datum("eu-1")]
    going = decided(state, FORK, groups=[seen("eu-1", S), seen("us-1", F)], manifests=manifests)
    assert phases(going) == {"eu-1": "Succeeded", "us-1": "Failed", "as-1": "Waiting", "eu-2": "Cancelled"}
    assert submitted(going) == [("as-1", 1)]
    assert going.state.phase is RunPhase.RUNNING
    over = decided(going.state, FORK, groups=[seen("us-1", F), seen("as-1", S)], manifests=manifests)
    assert over.state.phase is RunPhase.FAILED


def test_all_succeeded() -> None:
    """The run has."""
    state = state_of(CHAIN, {"eu-1": S, "us-1": S, "eu-2": R})
    assert decided(state, CHAIN, groups=[seen("eu-2", S)]).state.phase is RunPhase.SUCCEEDED


def test_an_empty_plan_succeeds() -> None:
    """There is nothing to run."""
    verdict = decided(RunState(phase=RunPhase.PLANNING), None, found=PlanFound(make_plan({})))
    assert verdict.state.phase is RunPhase.SUCCEEDED


# --- attempts ---


def test_a_submission_that_was_not_written_down_is_adopted() -> None:
    """The hub ended between creating the object and writing the status."""
    verdict = decided(state_of(CHAIN), CHAIN, groups=[seen("eu-1")])
    assert submitted(verdict) == []
    assert verdict.state.groups[0].attempt == 1
    assert verdict.state.groups[0].phase is R


def test_a_pipeline_group_that_vanished_is_tried_again_under_a_new_attempt() -> None:
    """Somebody deleted it; whether it is really gone is made sure of first."""
    for phase in (W, R):
        verdict = decided(state_of(CHAIN, {"eu-1": phase}), CHAIN)
        assert submitted(verdict) == [("eu-1", 2)]
        assert verdict.resubmitted == {"eu-1"}
    dark = decided(state_of(CHAIN, {"eu-1": R}), CHAIN, sites={"eu": SiteSight(5.0, answers=False)})
    assert submitted(dark) == []


def test_a_group_whose_manifests_all_exist_is_never_submitted_again() -> None:
    """Its object is gone, what it gives out is there: it has succeeded."""
    verdict = decided(state_of(CHAIN, {"eu-1": R}), CHAIN, manifests=[datum("eu-1")])
    assert verdict.state.groups[0].phase is S
    assert submitted(verdict) == [("us-1", 1)]


def test_retries_try_again_what_failed_and_nothing_else() -> None:
    """Attempts grow; what succeeded stays; what never ran waits again."""
    state = replace(state_of(CHAIN, {"eu-1": S, "us-1": F, "eu-2": C}), phase=RunPhase.FAILED)
    groups = tuple(replace(group, attempt=0) if group.id == "eu-2" else group for group in state.groups)
    verdict = decided(
        replace(state, groups=groups),
        CHAIN,
        run=make_run(retries=1),
        groups=[seen("eu-1", S), seen("us-1", F)],
        manifests=[datum("eu-1")],
    )
    assert submitted(verdict) == [("us-1", 2)]
    assert phases(verdict) == {"eu-1": "Succeeded", "us-1": "Waiting", "eu-2": "Waiting"}
    assert (verdict.state.phase, verdict.state.retries) == (RunPhase.RUNNING, 1)
    again = decided(verdict.state, CHAIN, run=make_run(retries=1), groups=[seen("us-1", F), seen("us-1", R, 2)])
    assert submitted(again) == []
    assert again.state.groups[1].phase is R


def test_what_failed_and_gave_all_out_is_not_run_again() -> None:
    """A group whose manifests all exist is never submitted again, whoever asks."""
    state = replace(state_of(CHAIN, {"eu-1": F}), phase=RunPhase.FAILED)
    verdict = decided(state, CHAIN, run=make_run(retries=1), manifests=[datum("eu-1")])
    assert ("eu-1", 2) not in submitted(verdict)
    assert phases(verdict)["eu-1"] == "Failed"


# --- approval and cancelling ---


def test_approval() -> None:
    """Nothing is submitted before a person said so; the message says how."""
    run = make_run(approval=True)
    verdict = decided(RunState(phase=RunPhase.PLANNING), None, run=run, found=PlanFound(CHAIN))
    assert (verdict.state.phase, submitted(verdict)) == (RunPhase.AWAITING_APPROVAL, [])
    assert CHAIN.mark.digest in verdict.state.message
    wrong = decided(verdict.state, CHAIN, run=replace(run, approved_plan="another"))
    assert wrong.state.phase is RunPhase.AWAITING_APPROVAL
    right = decided(verdict.state, CHAIN, run=replace(run, approved_plan=CHAIN.mark.digest))
    assert submitted(right) == [("eu-1", 1)]


def test_cancelling_waits_for_the_spokes() -> None:
    """What runs is told to end, what does not is cancelled at once; then the run is."""
    run = make_run(cancel=True)
    verdict = decided(state_of(CHAIN, {"eu-1": R}), CHAIN, run=run, groups=[seen("eu-1")])
    assert [group.group for group in verdict.cancel] == ["eu-1"]
    assert verdict.state.phase is RunPhase.CANCELLING
    assert phases(verdict) == {"eu-1": "Running", "us-1": "Cancelled", "eu-2": "Cancelled"}
    over = decided(verdict.state, CHAIN, run=run, groups=[seen("eu-1", C, cancel=True)])
    assert over.state.phase is RunPhase.CANCELLED


def test_cancelling_does_not_wait_for_a_lost_site() -> None:
    """A spoke that is out of sight for too long counts as lost; when it is back, its group is cancelled there."""
    run = make_run(cancel=True, lost_after_seconds=300.0)
    state = state_of(CHAIN, {"eu-1": R})
    out = {"eu": SiteSight(100.0, answers=False)}
    waiting = decided(state, CHAIN, run=run, groups=[seen("eu-1")], sites=out)
    assert waiting.state.phase is RunPhase.CANCELLING
    assert waiting.wake_seconds == 200
    lost = {"eu": SiteSight(301.0, answers=False)}
    over = decided(state, CHAIN, run=run, groups=[seen("eu-1")], sites=lost)
    assert over.state.phase is RunPhase.CANCELLED
    back = decided(over.state, CHAIN, run=run, groups=[seen("eu-1")])
    assert [group.group for group in back.cancel] == ["eu-1"]


def test_cancelled_before_it_was_planned() -> None:
    """There is nothing to wait for."""
    verdict = decided(RunState(phase=RunPhase.PLANNING), None, run=make_run(cancel=True))
    assert (verdict.state.phase, verdict.make_plan) == (RunPhase.CANCELLED, False)


# --- lost sites ---


def test_a_lost_site_is_planned_around() -> None:
    """Its unfinished groups are lost, and a plan without it is asked for."""
    state = state_of(CHAIN, {"eu-1": S, "us-1": R})
    lost = {"us": SiteSight(300.0, answers=False, problem="its API server does not answer")}
    verdict = decided(state, CHAIN, groups=[seen("eu-1", S), seen("us-1")], manifests=[datum("eu-1")], sites=lost)
    assert phases(verdict) == {"eu-1": "Succeeded", "us-1": "Lost", "eu-2": "Waiting"}
    assert (verdict.make_plan, verdict.without) == (True, frozenset({"us"}))
    assert verdict.state.phase is RunPhase.RUNNING


def test_out_of_sight_for_a_moment_is_not_lost() -> None:
    """It is looked at again when it would be."""
    verdict = decided(
        state_of(CHAIN, {"eu-1": R}), CHAIN, groups=[seen("eu-1")], sites={"eu": SiteSight(290.0, answers=False)}
    )
    assert phases(verdict)["eu-1"] == "Running"
    assert verdict.wake_seconds == 10


def test_another_plan_after_a_loss() -> None:
    """New groups take over; the lost one is history, and is ended where it still runs."""
    other = make_plan({"eu-1": [], "eu-3": ["eu-1"], "eu-4": ["eu-3"]}, revision=2)
    state = state_of(CHAIN, {"eu-1": S, "us-1": L})
    sites = {"us": SiteSight(0.0)}
    verdict = decided(
        state,
        CHAIN,
        found=PlanFound(other, asked_without=frozenset({"us"})),
        groups=[seen("eu-1", S), seen("us-1")],
        manifests=[datum("eu-1")],
        sites=sites,
    )
    assert verdict.plan is other
    assert submitted(verdict) == [("eu-3", 1)]
    assert phases(verdict) == {"eu-1": "Succeeded", "eu-3": "Waiting", "eu-4": "Waiting", "us-1": "Lost"}
    assert [group.group for group in verdict.cancel] == ["us-1"]


def test_nothing_feasible_waits_for_the_site() -> None:
    """The run says why; when the site is back, what was lost there is tried again, and the old attempt ends."""
    state = state_of(CHAIN, {"eu-1": S, "us-1": L})
    found = PlanFound(problem="task refine may only run at us", infeasible=True, asked_without=frozenset({"us"}))
    lost = {"us": SiteSight(400.0, answers=False)}
    stuck = decided(state, CHAIN, found=found, groups=[seen("us-1")], manifests=[datum("eu-1")], sites=lost)
    assert stuck.state.phase is RunPhase.RUNNING
    assert "task refine may only run at us" in stuck.state.message
    assert stuck.make_plan is False
    back = decided(stuck.state, CHAIN, found=found, groups=[seen("us-1")], manifests=[datum("eu-1")])
    assert submitted(back) == [("us-1", 2)]
    assert [group.attempt for group in back.cancel] == [1]


def test_a_lost_group_that_had_finished_counts() -> None:
    """Its site is back and says that it succeeded: it is not run again."""
    state = state_of(CHAIN, {"eu-1": S, "us-1": L})
    verdict = decided(state, CHAIN, groups=[seen("us-1", S)], manifests=[datum("eu-1"), datum("us-1")])
    assert phases(verdict)["us-1"] == "Succeeded"
    assert submitted(verdict) == [("eu-2", 1)]


def test_a_broken_way_to_a_cluster_is_waited_for() -> None:
    """Nothing is lost and nothing submitted; the message says what to mend."""
    said = "Secret moorage-system/spoke: kubeconfig: is no kubeconfig"
    verdict = decided(state_of(CHAIN), CHAIN, sites={"eu": SiteSight(0.0, answers=False, problem=said)})
    assert submitted(verdict) == []
    assert said in verdict.state.message


def test_a_store_that_fails_is_said() -> None:
    """Whether the import is there can't be told; it is looked for again."""
    said = "artifact store of Site eu: it does not answer"
    verdict = decided(
        state_of(CHAIN, {"eu-1": S}), CHAIN, groups=[seen("eu-1", S)], sites={"eu": SiteSight(store_problem=said)}
    )
    assert said in verdict.state.groups[1].message
    assert verdict.wake_seconds is not None


def test_a_final_run_ends_what_still_runs() -> None:
    """A cluster that was out of sight brings back an attempt of a run that is over."""
    state = replace(state_of(CHAIN, {"eu-1": L}), phase=RunPhase.CANCELLED)
    assert [group.group for group in decided(state, CHAIN, groups=[seen("eu-1")]).cancel] == ["eu-1"]


def test_groups_that_were_never_seen_have_a_state() -> None:
    """A status that lists fewer groups than the plan is completed."""
    state = replace(state_of(CHAIN), groups=(GroupState("eu-1", "eu"),))
    assert set(phases(decided(state, CHAIN))) == {"eu-1", "us-1", "eu-2"}
