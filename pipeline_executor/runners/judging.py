"""Judgement of a pod's facts: the attempt waits, runs or has ended, with a sentence why. Pure.

A chain of small functions, asked in order; the first that knows something answers. What may pass by itself waits, and
says for what; it ends once it has lasted longer than `Patience` allows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from moorage.runs import TaskPhase
from pipeline_executor.runners.pod_states import ContainerFacts, PodState, seconds_of
from pipeline_executor.runners.sentences import last_line, shortened
from pipeline_executor.runners.verdicts import Patience, Seen, Verdict

_NO_PROGRAM: Final = re.compile(r'exec: "?([^":]+)"?: (?:executable file not found|stat .*no such file)', re.IGNORECASE)
_PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CANT_MAKE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_OWN_DISK_LIMIT: Final = re.compile(
    r"exceeded its local ephemeral storage limit|exceeds the total limit of containers|Usage of EmptyDir volume"
)
_NOT_MADE_YET: Final = re.compile(
    r'(?:secret|configmap) "[^"]*" not found|references non-existent (?:secret|config) key'
)
_LOST: Final = frozenset({"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity"})


@dataclass(frozen=True, slots=True)
class _Case:
    pod: PodState
    seen: Seen
    patience: Patience

    @property
    def main(self) -> ContainerFacts:
        return self.pod.main


Rule = Callable[[_Case], Verdict | None]


def judge(pod: PodState, seen: Seen, patience: Patience) -> Verdict:
    """Judge the attempt of this pod."""
    case = _Case(pod, seen, patience)
    for rule in _CHAIN:
        verdict = rule(case)
        if verdict is not None:
            return verdict
    return Verdict(phase=TaskPhase.PENDING)


def gone(started: bool) -> Verdict:  # noqa: FBT001 - what it says
    """Judge an attempt whose pod is not there any more."""
    when = "while it ran" if started else "before it began"
    return _failed(f"its pod was deleted {when}; Moorage had not asked for that", interrupted=True)


# --- the chain ---


def _has_ended_well(case: _Case) -> Verdict | None:
    """Judge a task that has ended well: it has succeeded once what it wrote is there."""
    seen = case.seen
    if case.main.exit_code != 0:
        return None
    if seen.outputs:
        return Verdict(phase=TaskPhase.SUCCEEDED)
    if seen.failure:
        return _failed(f"what it wrote could not be uploaded: {seen.failure}")
    return _is_taken_from_its_upload(case) or _uploads(case)


def _is_taken_from_its_upload(case: _Case) -> Verdict | None:
    """Judge a pod that is over or unheard; a deleted pod's sidecar has its grace, and may say what went wrong."""
    pod = case.pod
    if not (pod.is_over or pod.unheard) or (pod.deleting and pod.sidecar.message):
        return None
    return _filled_its_disk(case) or _is_taken_away(case)


def _uploads(case: _Case) -> Verdict:
    pod, seen = case.pod, case.seen
    if pod.is_over or pod.sidecar.exit_code is not None:
        told = last_line(pod.sidecar.message or pod.sidecar.last_message)
        return _failed(f"what it wrote could not be uploaded: {told or 'the sidecar ended without a word'}")
    ended = seconds_of(case.main.end) or seen.now_seconds
    if seen.now_seconds - ended > case.patience.upload:
        return _failed(f"what it wrote was not uploaded within {case.patience.upload:g} s")
    return _unheard(case) or Verdict(phase=TaskPhase.RUNNING, message="what it wrote is being uploaded")


def _could_not_be_started(case: _Case) -> Verdict | None:
    main = case.main
    program = _NO_PROGRAM.search(main.message) if main.exit_code else None
    if program is not None:
        problem = f"image {main.image} has no program {program.group(1)!r}, which the task's command begins with"
        return _failed(f"{problem}: use an image that has it, or another command")
    if main.reason in {"StartError", "ContainerCannotRun"}:
        return _failed(f"its container could not be started: {main.message or main.reason}")
    return None


def _was_out_of_memory(case: _Case) -> Verdict | None:
    main = case.main
    if main.reason != "OOMKilled":
        return None
    limit = f" of {main.memory_limit}" if main.memory_limit else ""
    return _failed(f"it was killed for using more memory than its limit{limit}: raise it (set_memory_limit)")


def _filled_its_disk(case: _Case) -> Verdict | None:
    """Judge a pod that was evicted for a limit of its own: another attempt would write as much."""
    pod = case.pod
    said = next((each for each in (pod.message, pod.disruption) if _OWN_DISK_LIMIT.search(each)), "")
    if not said:
        return None
    return _failed(f"it wrote more to its node's disk than its limit: {said.strip()} Write less, or raise that limit")


def _is_taken_away(case: _Case) -> Verdict | None:
    pod = case.pod
    if pod.unheard and (pod.disruption or pod.deleting):
        return _failed(f"its node {pod.node} was lost: it does not answer any more", interrupted=True)
    if pod.reason == "Evicted":
        return _failed(f"its pod was evicted: {pod.message or 'the node ran short of something'}", interrupted=True)
    if pod.disruption:
        return _failed(f"its pod was taken away: {pod.disruption}", interrupted=True)
    if pod.reason in _LOST:
        return _failed(f"its node {pod.node} was lost: {pod.message or pod.reason}", interrupted=True)
    if pod.deleting:
        return gone(started=bool(case.main.start))
    return None


def _has_failed(case: _Case) -> Verdict | None:
    main = case.main
    if main.exit_code is None:
        return None
    last = last_line(main.message)
    return _failed(f"it ended with exit code {main.exit_code}{f': {last}' if last else '; its log says why'}")


def _has_timed_out(case: _Case) -> Verdict | None:
    timeout, main = case.seen.timeout_seconds, case.main
    if timeout is None or not (main.running or (main.exit_code and case.pod.deleting)):
        return None
    if _ran_seconds(case) < timeout:
        return None
    return _failed(f"it ran longer than its timeout of {timeout:g} s and was ended")


def _runs(case: _Case) -> Verdict | None:
    if not case.main.running:
        return None
    timeout = case.seen.timeout_seconds
    again = None if timeout is None else timeout - _ran_seconds(case) + 0.5
    return replace(_unheard(case) or Verdict(phase=TaskPhase.RUNNING), again_seconds=again)


def _unheard(case: _Case) -> Verdict | None:
    if not case.pod.unheard:
        return None
    message = f"its node {case.pod.node} does not answer; if that lasts, another attempt follows on another node"
    return Verdict(phase=TaskPhase.RUNNING, message=message, trouble=True)


def _sidecar_gave_up(case: _Case) -> Verdict | None:
    if case.seen.failure:
        return _failed(f"what it reads could not be fetched: {case.seen.failure}")
    return None


def _ended_before_it_began(case: _Case) -> Verdict | None:
    """Judge a pod that is over, and whose own container never ran."""
    pod = case.pod
    if not pod.is_over:
        return None
    culprit = next((each for each in (pod.sidecar, *pod.others) if each.exit_code), None)
    if culprit is not None:
        return _failed(f"container {culprit.name} ended before it: {last_line(culprit.message) or culprit.reason}")
    return _failed(f"its pod ended before it began: {pod.message or pod.reason or 'nobody says why'}")


def _cant_be_made(case: _Case) -> Verdict | None:
    for container in (case.pod.sidecar, *case.pod.others, case.main):
        if container.waiting in _PULLING:
            problem = f"image {container.image} can't be pulled ({container.waiting}): {container.message}"
            at_once = container.waiting == "InvalidImageName"
            return _impatient(case, problem, 0.0 if at_once else case.patience.pull)
        if container.waiting in _CANT_MAKE:
            problem = f"container {container.name} can't be made ({container.waiting}): {container.message}"
            return _impatient(case, problem, case.patience.config)
        if container.waiting == "CrashLoopBackOff":
            said = last_line(container.last_message) or container.message
            return _impatient(case, f"container {container.name} ends again and again: {said}", case.patience.config)
    return None


def _waits_at_a_gate(case: _Case) -> Verdict | None:
    """Judge a pod with a scheduling gate, which its owner, such as Kueue, may take days to remove."""
    if not case.pod.gates:
        return None
    message = f"waits to be admitted: scheduling gate {', '.join(case.pod.gates)}"
    return Verdict(phase=TaskPhase.PENDING, message=shortened(message))


def _waits_for_a_node(case: _Case) -> Verdict | None:
    if not case.pod.unscheduled or case.pod.node:
        return None
    return _impatient(case, f"no node may run it now: {case.pod.unscheduled}", case.patience.start)


def _waits_for_volumes(case: _Case) -> Verdict | None:
    problem = case.seen.mount_problem
    if not problem:
        return None
    if _NOT_MADE_YET.search(problem):
        return _impatient(case, f"a volume of its can't be mounted: {problem}", case.patience.config)
    refused = "code = PermissionDenied" in problem
    said = problem.split("desc = ", 1)[1] if "desc = " in problem else problem
    patience = case.patience.refused if refused else case.patience.start
    return _impatient(case, f"its data was not mounted: {said}", patience)


def _waits_too_long(case: _Case) -> Verdict | None:
    # Before a node was found, its time was the queue's or the scheduler's.
    waited = case.seen.now_seconds - max(case.pod.created_seconds, case.pod.placed_seconds)
    if waited > case.patience.start:
        said = next((each.message or each.waiting for each in (case.pod.sidecar, case.main) if each.waiting), "")
        return _failed(f"it did not begin within {case.patience.start:g} s: {said or 'nobody says why'}")
    return None


_CHAIN: Final[tuple[Rule, ...]] = (
    _has_ended_well,
    _could_not_be_started,
    _was_out_of_memory,
    _has_timed_out,
    _filled_its_disk,
    _is_taken_away,
    _has_failed,
    _runs,
    _ended_before_it_began,
    _sidecar_gave_up,
    _cant_be_made,
    _waits_at_a_gate,
    _waits_for_a_node,
    _waits_for_volumes,
    _waits_too_long,
)


# --- words ---


def _failed(message: str, *, interrupted: bool = False) -> Verdict:
    return Verdict(phase=TaskPhase.FAILED, message=shortened(message), interrupted=interrupted)


def _impatient(case: _Case, problem: str, patience_seconds: float) -> Verdict:
    since = case.seen.trouble_since_seconds
    lasted = 0.0 if since is None else case.seen.now_seconds - since
    if patience_seconds <= 0 or lasted >= patience_seconds:
        return _failed(problem)
    rest = patience_seconds - lasted
    return Verdict(phase=TaskPhase.PENDING, message=shortened(problem), trouble=True, again_seconds=rest + 0.5)


def _ran_seconds(case: _Case) -> float:
    start = seconds_of(case.main.start)
    return 0.0 if start is None else (seconds_of(case.main.end) or case.seen.now_seconds) - start
