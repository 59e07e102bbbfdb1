"""A cluster that exists in memory only, for the engine's properties: its containers run when the test says so."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Attempt, Job, Launch, Outputs, Program, Step, step

JOB = Job("run", "uid", "s3://bucket/runs/default/run/uid")
_MOST_TURNS = 5_000
Fails = Callable[[str, int], bool]
"""Whether an attempt, by path and number, fails."""


def work(launch: Launch) -> Outputs:
    """What the one component of `making` does."""
    given = launch.executor_input["inputs"].get("parameterValues", {})
    return Outputs({"Output": 1.0 + given.get("a", 0) + sum(given.get("xs", ()))})


@dataclass
class Cluster:
    """What a controller sees: attempts, as pods and store have them.

    Attributes:
        started: every launch that became a pod.
        seen: phases that were final once.
    """

    program: Program
    fails: Fails
    arguments: Mapping[str, Any] = field(default_factory=dict)
    records: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    started: dict[tuple[str, int], Launch] = field(default_factory=dict)
    seen: dict[str, TaskPhase] = field(default_factory=dict)
    now_seconds: float = 0.0
    cancelling: bool = False
    interrupted: int = 0

    def step(self, chance: random.Random | None = None) -> Step:
        """What the engine says, of records read anew, in any order."""
        records = list(self.records.items())
        if chance is not None:
            chance.shuffle(records)
        attempts: dict[str, tuple[Attempt, ...]] = {}
        for (path, _), attempt in records:
            attempts[path] = (*attempts.get(path, ()), attempt)
        now = step(self.program, JOB, self.arguments, attempts, self.now_seconds, cancelling=self.cancelling)
        for path, phase in self.seen.items():
            assert now.phases[path] is phase, f"{path} was {phase}, which is final"
        self.seen = {path: phase for path, phase in now.phases.items() if phase.is_final}
        return now

    def start(self, launch: Launch) -> None:
        """Make its pod."""
        key = launch.path, launch.attempt
        assert key not in self.started, f"{key} was started already"
        self.started[key] = launch
        self.records[key] = Attempt(launch.attempt, TaskPhase.RUNNING)

    def running(self) -> list[tuple[str, int]]:
        """What has not ended."""
        return [key for key, attempt in self.records.items() if not attempt.phase.is_final]

    def end(self, key: tuple[str, int]) -> None:
        """Its container exits."""
        if self.fails(*key):
            ended = Attempt(key[1], TaskPhase.FAILED, reason="as told", ended_seconds=self.now_seconds)
        else:
            ended = Attempt(key[1], TaskPhase.SUCCEEDED, work(self.started[key]), ended_seconds=self.now_seconds)
        self.records[key] = ended

    def interrupt(self, key: tuple[str, int]) -> None:
        """Its node is lost: the attempt says nothing of its task."""
        self.records[key] = replace(self.records[key], phase=TaskPhase.FAILED, counts=False)
        self.interrupted += 1

    def kill(self) -> None:
        """End all pods, as whoever cancels a run does."""
        for key in self.running():
            self.records[key] = replace(self.records[key], phase=TaskPhase.CANCELLED)

    def in_order(self) -> Step:
        """Run all of it, everything at once that may."""
        while not (now := self.step()).phase.is_final:
            for launch in now.launches:
                self.start(launch)
            for key in self.running():
                self.end(key)
            self.now_seconds += 1.0
        return now

    def by_chance(self, chance: random.Random, cancel_at: int | None = None, interruptions: int = 0) -> Step:
        """Run all of it while the controller is killed again and again, and containers end in any order."""
        turn = 0
        while not (now := self.step(chance)).phase.is_final:
            turn += 1
            assert turn < _MOST_TURNS, f"the run does not end: {now}"
            # Killed between two pods: the rest is said again by the next step.
            for launch in now.launches[: chance.randint(0, len(now.launches))]:
                self.start(launch)
            running = self.running()
            for key in chance.sample(running, chance.randint(0, len(running))):
                self.end(key)
            running = self.running()
            if running and self.interrupted < interruptions:
                self.interrupt(chance.choice(running))
            self.now_seconds += chance.random()
            if cancel_at == turn:
                self.cancelling = True
            if self.cancelling and chance.random() < 0.5:
                self.kill()
        return now
