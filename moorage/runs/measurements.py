"""Measurements of a pipeline's earlier runs: kept as samples, given to the next plan as hints. Pure.

Seconds are those that a task would take at a site of speed 1, so that samples of different sites can be compared. A
figure is the median of the last samples: one slow node or one odd input moves nothing.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final

from moorage.runs.names import RunRef

MOST_SAMPLES: Final = 9
"""The most samples of one figure, and so of runs that a history is made of."""
MOST_FIGURES: Final = 2000
"""Tasks of one history, and artifacts likewise."""
MOST_TEXT: Final = 200_000
"""Characters of all names of one history: an object of the API is small."""
MOST_HISTORIES: Final = 100
"""Pipelines of one namespace; the one that ran longest ago goes first."""
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?")
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of one run.

    Attributes:
        pipeline: the pipeline's name.
        digest: of the pipeline, as plan.json has it.
        end: when the run ended, RFC 3339.
        seconds: by task (a path, without the numbers of iterations), at speed 1; a loop's are the mean of its
            iterations.
        iterations: by loop.
        sizes: bytes by artifact, `<task>.<output>`.
    """

    pipeline: str
    run: RunRef
    digest: str = ""
    end: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    iterations: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Teacher:
    """A run whose figures are in a history."""

    name: str
    uid: str
    digest: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class TaskSamples:
    """The samples of one task, the latest last. `iterations`: of a loop."""

    seconds: tuple[float, ...] = ()
    iterations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """The measurements of the last runs of one pipeline in one namespace.

    Attributes:
        pipeline: its name.
        runs: whose figures these are, the latest last.
        tasks: by path.
        sizes: samples of bytes by artifact, the latest last.
        version: of the object that this was read from; 0: of none.
    """

    pipeline: str
    runs: tuple[Teacher, ...] = ()
    tasks: Mapping[str, TaskSamples] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    version: int = 0

    def with_run(self, measured: Measured) -> "History":
        """Return the same and what one run more took; the same where that run is in it already."""
        if any(each.uid == measured.run.uid for each in self.runs):
            return self
        teacher = Teacher(measured.run.name, measured.run.uid, measured.digest, measured.end)
        tasks = dict(self.tasks)
        for path in measured.seconds.keys() | measured.iterations.keys():
            known = tasks.get(path, TaskSamples())
            seconds, iterations = measured.seconds.get(path), measured.iterations.get(path)
            tasks[path] = TaskSamples(
                known.seconds if seconds is None else (*known.seconds, seconds)[-MOST_SAMPLES:],
                known.iterations if iterations is None else (*known.iterations, iterations)[-MOST_SAMPLES:],
            )
        sizes = dict(self.sizes)
        for key, size_bytes in measured.sizes.items():
            sizes[key] = (*sizes.get(key, ()), size_bytes)[-MOST_SAMPLES:]
        fresh = measured.seconds.keys() | measured.iterations.keys()
        return replace(
            self,
            runs=(*self.runs, teacher)[-MOST_SAMPLES:],
            tasks=_bounded(tasks, fresh),
            sizes=_bounded(sizes, measured.sizes.keys()),
        )

    def hints(self) -> dict[str, Any]:
        """Return the samples as a hints file; `measured` marks them as no person's statement."""
        tasks: dict[str, Any] = {}
        for path, samples in sorted(self.tasks.items()):
            entry: dict[str, Any] = {}
            if samples.seconds:
                entry["seconds"] = round(median(samples.seconds), 3)
            if samples.iterations:
                entry["iterations"] = round(median(samples.iterations))
            if entry:
                tasks[path] = entry
        artifacts = {key: {"bytes": round(median(sizes))} for key, sizes in sorted(self.sizes.items()) if sizes}
        about = {"pipeline": self.pipeline, "runs": len(self.runs), "version": self.version}
        return {"measured": about, "tasks": tasks, "artifacts": artifacts}


def _bounded(samples: Mapping[str, Any], fresh: Iterable[str]) -> dict[str, Any]:
    """Keep as many samples as are allowed: those of the last run first, then by name."""
    newest = set(fresh)
    kept: dict[str, Any] = {}
    letters = 0
    for name in sorted(samples, key=lambda each: (each not in newest, each)):
        letters += len(name)
        if len(kept) >= MOST_FIGURES or letters > MOST_TEXT // 2:
            break
        kept[name] = samples[name]
    return dict(sorted(kept.items()))


def history_name(pipeline: str) -> str:
    """Return the name of a pipeline's history in its namespace; no two pipelines share one."""
    if _LABEL.fullmatch(pipeline) and not _TAGGED.search(pipeline):
        return pipeline
    plain = re.sub(r"[^a-z0-9]+", "-", pipeline.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    return f"{plain or 'pipeline'}-{hashlib.sha256(pipeline.encode()).hexdigest()[:10]}"


# A name that looks like one that was made gets a digest, too, so that it can't meet it.
_TAGGED: Final = re.compile(r"-[0-9a-f]{10}$")
