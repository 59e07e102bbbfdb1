"""One look at a group's pods and records: what goes on, what has ended and is to be written down, what is left over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from moorage.runs import TaskPhase
from pipeline_executor.engine import Launch
from pipeline_executor.runners.embedded.decisions import AttemptKey, Live
from pipeline_executor.runners.embedded.platforms import deadline_seconds
from pipeline_executor.runners.embedded.pod_facts import PodFacts
from pipeline_executor.runners.embedded.pod_index import PodIndex
from pipeline_executor.runners.embedded.state import Made, State
from pipeline_executor.runners.judging import gone, judge
from pipeline_executor.runners.mounts import MountEvents
from pipeline_executor.runners.verdicts import Patience, Seen, Verdict

_UNSEEN_SECONDS: Final = 30.0
_JUST_MADE: Final = Verdict(phase=TaskPhase.PENDING)
_SAME_TROUBLE: Final = 20


@dataclass(slots=True)
class Look:
    """The observations of one look at a group.

    Attributes:
        live: attempts that go on.
        ended: pods whose attempts have ended, and how; it is not written down yet.
        lost: attempts that have no pod any more, and how they ended; likewise.
        leftovers: pods of attempts whose end is written down.
    """

    live: list[Live] = field(default_factory=list)
    ended: list[tuple[PodFacts, Verdict]] = field(default_factory=list)
    lost: list[tuple[AttemptKey, Verdict]] = field(default_factory=list)
    leftovers: list[PodFacts] = field(default_factory=list)


class Looker:
    """A gatherer of the state of a group's pods and records.

    Args:
        pods: of all tasks.
        mounts: what kubelets say of volumes.
        patience: with pods that don't start.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, pods: PodIndex, mounts: MountEvents, patience: Patience, now: Callable[[], float]) -> None:
        self._pods = pods
        self._mounts = mounts
        self._patience = patience
        self._now = now

    async def look(self, state: State, *, cancelling: bool) -> Look:
        """Take one look at the group.

        Raises:
            MoorageError: the cluster or the store does not answer.
        """
        seen = Look()
        pods = {(facts.task, facts.attempt): facts for facts in self._pods.of(state.run.group)}
        await self._check_made(state)
        for key, facts in pods.items():
            record = state.records.get(*key)
            if record is not None and record.end is not None:
                seen.leftovers.append(facts)
                continue
            state.known.add(key)
            verdict = await self._verdict(state, facts, cancelling=cancelling)
            if verdict.phase.is_final:
                seen.ended.append((facts, verdict))
            else:
                seen.live.append(Live(*key, verdict, facts))
        seen.live += [Live(*key, _JUST_MADE) for key in state.made]
        seen.lost = [(key, gone(started=started)) for key, started in _lost(state, pods.keys() | state.made.keys())]
        return seen

    def wake_seconds(self, seen: Look) -> list[float]:
        """Return the delays after which to look again although nothing changes."""
        wakes = [each.verdict.again_seconds for each in seen.live]
        wakes += [self._mounts.wake_seconds(each.pod) for each in seen.live if each.pod is not None]
        wakes += [_UNSEEN_SECONDS + 1 for each in seen.live if each.pod is None]
        return [seconds for seconds in wakes if seconds is not None]

    def forget(self, pod_uid: str) -> None:
        """Forget a pod whose attempt has ended."""
        self._mounts.forget(pod_uid)

    async def _check_made(self, state: State) -> None:
        """Drop what the informer shows by now; of what it does not show for long, ask the API server."""
        for key, made in list(state.made.items()):
            if self._pods.has(made.identity):
                del state.made[key]
            elif self._now() - made.at_seconds > _UNSEEN_SECONDS:
                if await self._pods.find(made.identity) is None:
                    del state.made[key]
                else:
                    state.made[key] = Made(made.identity, self._now())

    async def _verdict(self, state: State, facts: PodFacts, *, cancelling: bool) -> Verdict:
        group, key, uid = state.run.group, (facts.task, facts.attempt), facts.identity.uid
        if facts.owner_uid != group.uid:
            return Verdict(phase=TaskPhase.CANCELLED, message=f"attempt {group.spec.attempt} of its group replaces it")
        if cancelling and not facts.survives:
            return Verdict(phase=TaskPhase.CANCELLED, message="the run was cancelled")
        launch = await state.launch(key)
        outputs = await state.records.outputs(*key) if facts.main.exit_code == 0 else None
        problem, since = state.trouble.get(uid, ("", None))
        verdict = judge(
            facts,
            Seen(
                now_seconds=self._now(),
                trouble_since_seconds=since,
                outputs=outputs is not None,
                failure=state.failures.get(uid, ""),
                mount_problem=await self._mounts.problem(facts, self._now()),
                timeout_seconds=None if launch is None else timeout_of(launch),
            ),
            self._patience,
        )
        if not verdict.trouble:
            state.trouble.pop(uid, None)
        elif problem != verdict.message[:_SAME_TROUBLE]:
            state.trouble[uid] = verdict.message[:_SAME_TROUBLE], self._now()
        return verdict


def timeout_of(launch: Launch) -> float | None:
    """After how many seconds a task shall be ended."""
    known = [seconds for seconds in (launch.timeout_seconds, deadline_seconds(launch.platform)) if seconds]
    return float(min(known)) if known else None


def _lost(state: State, present: set[AttemptKey]) -> list[tuple[AttemptKey, bool]]:
    """Find attempts that had a pod and have neither pod nor end, and whether a container of them began."""
    found: dict[AttemptKey, bool] = {}
    for path in state.records.paths():
        for number, record in state.records.of(path).items():
            if record.end is None and record.started and (path, number) not in present:
                found[path, number] = True
    for key in state.known - present:
        former = state.records.get(*key)
        if former is None or former.end is None:
            found[key] = former is not None and former.started
    return sorted(found.items())
