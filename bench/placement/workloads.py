"""Workloads to place: recorded workflows in WfFormat, several joined, and generated layered graphs."""

# ruff: noqa: PLR2004
# The docstring of the function or module that draws says what is drawn, and with which odds.

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_splitter.problem import Floats, Integers

RECORDED = Path(__file__).parents[3] / "shared" / "workflows"


@dataclass(frozen=True)
class Workload:
    """Tasks and files; index arrays as in `problem.Nets`.

    Attributes:
        name: where it came from.
        seconds: (n,) at speed 1.
        cores: (n,).
        producer: (m,) task that writes the file, or -1.
        size_bytes: (m,).
        starts: (m + 1,).
        readers: (r,).
        order: (e, 2) pairs (earlier, later) that move no bytes.
    """

    name: str
    seconds: Floats
    cores: Floats
    producer: Integers
    size_bytes: Floats
    starts: Integers
    readers: Integers
    order: Integers


def recorded_paths() -> list[Path]:
    """Return all recorded workflows beside this clone, by name; none where the folder is absent."""
    return sorted(RECORDED.glob("*.json.gz"))


def read(path: Path) -> Workload:
    """Read a recorded workflow in WfFormat 1.5, gzipped or not."""
    content = path.read_bytes()
    workflow = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)["workflow"]
    tasks: list[dict[str, Any]] = sorted(workflow["specification"]["tasks"], key=lambda task: task["id"])
    index = {task["id"]: number for number, task in enumerate(tasks)}
    measured = {task["id"]: task for task in workflow.get("execution", {}).get("tasks", [])}
    sizes = {file["id"]: float(file["sizeInBytes"]) for file in workflow["specification"].get("files", [])}
    producer: dict[str, int] = {}
    readers: dict[str, set[int]] = {}
    for number, task in enumerate(tasks):
        for file in task.get("outputFiles", []):
            producer.setdefault(file, number)
        for file in task.get("inputFiles", []):
            readers.setdefault(file, set()).add(number)
    files = [(file, sorted(readers[file] - {producer.get(file, -1)})) for file in sorted(readers)]
    files = [(file, reading) for file, reading in files if reading]
    pairs = {(index[task["id"]], index[child]) for task in tasks for child in task.get("children", [])}
    return Workload(
        name=path.name.removesuffix(".json.gz"),
        seconds=np.array([float(measured.get(task["id"], {}).get("runtimeInSeconds", 60)) for task in tasks]),
        cores=np.array([float(measured.get(task["id"], {}).get("coreCount", 1)) for task in tasks]),
        producer=np.array([producer.get(file, -1) for file, _ in files], dtype=np.int64),
        size_bytes=np.array([sizes.get(file, 0.0) for file, _ in files]),
        starts=np.concatenate([[0], np.cumsum([len(reading) for _, reading in files])]).astype(np.int64),
        readers=np.array([task for _, reading in files for task in reading], dtype=np.int64),
        order=np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
    )


def joined(workloads: Sequence[Workload], tasks: int) -> Workload:
    """Return copies of the workloads, in turn, side by side, until there are at least so many tasks."""
    parts: list[Workload] = []
    count = 0
    while count < tasks:
        part = workloads[len(parts) % len(workloads)]
        parts.append(part)
        count += len(part.seconds)
    first_task = np.concatenate([[0], np.cumsum([len(part.seconds) for part in parts])]).tolist()
    first_entry = np.concatenate([[0], np.cumsum([len(part.readers) for part in parts])]).tolist()
    return Workload(
        name=f"{len(parts)} traces joined",
        seconds=_chain(part.seconds for part in parts),
        cores=_chain(part.cores for part in parts),
        producer=_chain(
            np.where(part.producer < 0, -1, part.producer + first)
            for part, first in zip(parts, first_task, strict=False)
        ),
        size_bytes=_chain(part.size_bytes for part in parts),
        starts=_chain(
            [
                *(part.starts[:-1] + first for part, first in zip(parts, first_entry, strict=False)),
                np.array(first_entry[-1:]),
            ]
        ),
        readers=_chain(part.readers + first for part, first in zip(parts, first_task, strict=False)),
        order=_chain(part.order + first for part, first in zip(parts, first_task, strict=False)),
    )


def layered(tasks: int, seed: int) -> Workload:
    """Return a layered graph: layers of up to 200 tasks; each task writes one file.

    A task reads one to three files of the layer before, one in ten also one of an earlier layer; one file in fifty is
    read by a tenth of the next layer; one task in twenty reads an input, of which there is one for every forty tasks.
    Seconds and sizes are log-normal (medians 60 s and 100 MB).
    """
    rng = np.random.default_rng([seed, tasks])
    width = min(200, max(4, tasks // 10))
    layer = np.arange(tasks) // width
    reads: dict[int, set[int]] = {}
    inputs = max(1, tasks // 40)
    for task in range(tasks):
        if layer[task] > 0:
            before = (int(layer[task]) - 1) * width
            for file in rng.integers(before, before + width, int(rng.integers(1, 4))).tolist():
                reads.setdefault(file, set()).add(task)
            if rng.random() < 0.1:
                reads.setdefault(int(rng.integers(0, before + width)), set()).add(task)
        if layer[task] == 0 or rng.random() < 0.05:
            reads.setdefault(tasks + int(rng.integers(0, inputs)), set()).add(task)
    for file in range(0, tasks, 50):
        after = np.flatnonzero(layer == layer[file] + 1)
        if len(after):
            reads.setdefault(file, set()).update(rng.choice(after, max(1, len(after) // 10), replace=False).tolist())
    files = sorted(reads)
    return Workload(
        name=f"layered {tasks:,}",
        seconds=rng.lognormal(np.log(60), 1.0, tasks),
        cores=rng.choice([1.0, 2.0, 4.0, 8.0], tasks),
        producer=np.array([file if file < tasks else -1 for file in files], dtype=np.int64),
        size_bytes=rng.lognormal(np.log(1e8), 1.5, len(files)),
        starts=np.concatenate([[0], np.cumsum([len(reads[file]) for file in files])]).astype(np.int64),
        readers=np.array([task for file in files for task in sorted(reads[file])], dtype=np.int64),
        order=np.zeros((0, 2), dtype=np.int64),
    )


def _chain(parts: Iterable[Any]) -> Any:  # noqa: ANN401  # floats or integers
    return np.concatenate(list(parts))
