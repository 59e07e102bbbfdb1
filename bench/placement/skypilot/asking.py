"""Has SkyPilot's optimizer place a problem, in a process of its own that is bounded in time."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.placement.skypilot import question
from pipeline_splitter.problem import Integers, Problem

INSIDE = Path(__file__).with_name("inside.py")
START_SECONDS = 120.0
"""Importing SkyPilot and building its tasks; not a part of the time that is taken."""


@dataclass(frozen=True)
class Answer:
    """A site for each task, or why there is none.

    Attributes:
        site_of: (n,); None without an answer.
        counted: what the placement costs as SkyPilot counts, in our units.
        seconds: of the optimization.
        trouble: empty with an answer.
    """

    site_of: Integers | None
    counted: float = 0.0
    seconds: float = 0.0
    trouble: str = ""


def answer(python: Path, problem: Problem, seconds: float) -> Answer:
    """Return SkyPilot's answer within the time limit.

    Raises:
        ValueError: it counted another cost than its question says.
    """
    asked = question.ask(problem)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "question.json").write_text(json.dumps({**asked.document(), "seconds": seconds}))
        with (folder / "said").open("wb") as said:
            status = _run(
                [str(python), "-I", str(INSIDE), str(folder / "question.json"), str(folder / "answer.json")],
                # It keeps locks and an identity at home, reports its use, and CBC leaves files when it is killed.
                {**os.environ, "HOME": name, "TMPDIR": name, "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"},
                START_SECONDS + seconds,
                said.fileno(),
            )
        if status == -signal.SIGALRM:
            return Answer(None, trouble=f"without an answer in {seconds:.0f} s")
        if status:
            last = (folder / "said").read_text(errors="replace").strip().splitlines()[-1:]
            return Answer(None, trouble=f"failed ({''.join(last)[:100].replace('|', '/') or f'status {status}'})")
        found = json.loads((folder / "answer.json").read_text())
    site_of = np.array(found["sites"], dtype=np.int64)
    counted = asked.cost(site_of)
    if not np.isclose(counted, found["total"], rtol=1e-9, atol=1e-9):
        raise ValueError(f"SkyPilot counts {found['total']} for its placement, and the question says {counted}")
    return Answer(site_of, counted * asked.scale, found["seconds"])


def _run(command: list[str], environ: dict[str, str], seconds: float, output: int) -> int:
    """Return the exit status; nothing of the process or of the solvers that it started is left."""
    process = subprocess.Popen(command, env=environ, stdout=output, stderr=output, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
