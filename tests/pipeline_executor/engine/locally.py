"""Runs what the engine launches as processes of this machine, so that real components of the kfp SDK run.

A container's `/s3/<bucket>` and `/moorage/outputs` are folders of a test: paths in its arguments are rewritten, and
what it says of its outputs is written back. pip, which components call first, is one that installs nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Attempt, Job, Launch, Program, Step, read_outputs, step

BUCKET = "bucket"
ROOT_URI = f"s3://{BUCKET}/runs/default/run/uid"
_OUTPUTS = "/moorage/outputs"
_MOST_STEPS = 500
# Components that flip coins flip the same ones whenever they are the same task.
_SEED = "import os, random\nif seed := os.environ.get('MOORAGE_TEST_SEED'): random.seed(seed)\n"


def without_pip(folder: Path) -> dict[str, str]:
    """An environment in which `python3` is this interpreter and `python3 -m pip` does nothing."""
    fake = folder / "no-pip"
    (fake / "pip").mkdir(parents=True, exist_ok=True)
    (fake / "pip" / "__init__.py").touch()
    (fake / "pip" / "__main__.py").touch()
    (fake / "sitecustomize.py").write_text(_SEED)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(fake), "PATH": path, "PYTHONWARNINGS": "ignore"}


@dataclass
class LocalRun:
    """One run of a program on this machine.

    Attributes:
        attempts: all that is known, as a controller would read it from pods and store.
        started: every attempt that was started, in order.
        logs: what each task's last attempt printed.
    """

    program: Program
    folder: Path
    arguments: Mapping[str, Any] = field(default_factory=dict)
    attempts: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    started: list[tuple[str, int]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    now_seconds: float = 0.0
    on_step: Callable[[Step], None] = lambda _: None

    def step(self) -> Step:
        """What holds now."""
        return step(self.program, Job("run", "uid", ROOT_URI), self.arguments, self.attempts, self.now_seconds)

    def to_the_end(self) -> Step:
        """Run all of it, two processes at a time."""
        with ThreadPoolExecutor(2) as pool:
            for _ in range(_MOST_STEPS):
                now = self.step()
                self.on_step(now)
                if now.phase.is_final:
                    return now
                if not now.launches:
                    assert now.wake_at_seconds is not None, f"nothing runs, nothing starts: {now}"
                    self.now_seconds = now.wake_at_seconds
                    continue
                self._end(zip(now.launches, pool.map(self._run, now.launches), strict=True))
        raise AssertionError("the run does not end")

    def _end(self, ended: Iterable[tuple[Launch, Attempt]]) -> None:
        for launch, attempt in ended:
            self.started.append((launch.path, launch.attempt))
            self.attempts[launch.path] = (*self.attempts.get(launch.path, ()), attempt)

    def _run(self, launch: Launch) -> Attempt:
        outputs = self.folder / "attempts" / str(len(launch.path)) / launch.path.replace("/", "!") / str(launch.attempt)
        outputs.mkdir(parents=True)
        for each in launch.output_artifacts:
            Path(self._here(each.local_path, outputs)).parent.mkdir(parents=True, exist_ok=True)
        for parameter in launch.output_parameters:
            Path(self._here(parameter.file, outputs)).parent.mkdir(parents=True, exist_ok=True)
        command = [self._here(text, outputs) for text in (*launch.command, *launch.args)]
        environment = without_pip(self.folder) | {name: self._here(text, outputs) for name, text in launch.env.items()}
        environment["MOORAGE_TEST_SEED"] = launch.path
        done = subprocess.run(
            command, env=environment, cwd=outputs, capture_output=True, text=True, check=False, timeout=120
        )
        self.logs[launch.path] = done.stdout + done.stderr
        if done.returncode:
            reason = f"exit code {done.returncode}"
            return Attempt(launch.attempt, TaskPhase.FAILED, reason=reason, ended_seconds=self.now_seconds)
        written = Path(self._here(launch.output_file, outputs))
        files = {each.name: Path(self._here(each.file, outputs)) for each in launch.output_parameters}
        try:
            made = read_outputs(
                launch,
                self._there(written.read_text()).encode() if written.exists() else None,
                {name: file.read_bytes() for name, file in files.items() if file.is_file()},
            )
        except InputError as error:
            return Attempt(launch.attempt, TaskPhase.FAILED, reason=str(error), ended_seconds=self.now_seconds)
        return Attempt(launch.attempt, TaskPhase.SUCCEEDED, made, ended_seconds=self.now_seconds)

    def _here(self, text: str, outputs: Path) -> str:
        bucket = f"{self.folder}/s3/{BUCKET}/"
        text = text.replace(_OUTPUTS, str(outputs))
        return text.replace(f"s3://{BUCKET}/", "\0").replace(f"/s3/{BUCKET}/", "\0").replace("\0", bucket)

    def _there(self, text: str) -> str:
        return text.replace(f"{self.folder}/s3/{BUCKET}/", f"s3://{BUCKET}/")

    def content(self, uri: str) -> str:
        """What lies at an artifact's URI."""
        path = Path(self._here(uri, self.folder))
        return path.read_text() if path.is_file() else ""

    def forget_outputs(self) -> None:
        """Remove what attempts left beside the store."""
        shutil.rmtree(self.folder / "attempts", ignore_errors=True)
