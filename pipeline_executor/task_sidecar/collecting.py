"""Finds what a task wrote below the places of its outputs, within the limits."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from moorage.errors import TaskError
from pipeline_executor.task_sidecar.exchange import OutputView, TaskLimits, path_problem
from pipeline_executor.task_sidecar.opening import reason


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is to be uploaded.

    Attributes:
        output: the artifact's name.
        path: below the artifact's place; "" where the artifact is one file.
        place: where it is, without symbolic links.
        size_bytes: as it was when it was found.
    """

    output: str
    path: str
    place: str
    size_bytes: int


def collect(outputs: tuple[OutputView, ...], limits: TaskLimits) -> list[Found]:
    """Return all files of all artifacts. An artifact that was not written has none.

    Symbolic links inside an artifact are followed, those that lead out of it are an error.

    Raises:
        TaskError: there are more, or larger, or deeper ones than the limits allow, or what is there can't be uploaded.
    """
    found: list[Found] = []
    size_bytes = 0
    for output in outputs:
        if output.is_artifact:
            for file in _below(output, limits):
                found.append(file)
                size_bytes += file.size_bytes
                if len(found) > limits.files:
                    raise TaskError(f"the task wrote more than {limits.files:,} files: pack them into archives")
                if size_bytes > limits.size_bytes:
                    raise TaskError(f"the task wrote more than {limits.size_bytes:,} bytes, and may not give out more")
    return found


def _below(output: OutputView, limits: TaskLimits) -> Iterator[Found]:
    root = output.path.rstrip("/")
    try:
        if os.path.realpath(root) != root:
            raise TaskError(f"output {output.name}: {root} is a symbolic link: write the files themselves")
        mode = os.lstat(root)
    except FileNotFoundError:
        return
    except OSError as error:
        raise TaskError(f"output {output.name}: {root}: {reason(error)}") from None
    if not stat.S_ISDIR(mode.st_mode):
        yield Found(output.name, "", root, _size(output, root, mode))
        return
    yield from _walk(_Walk(output, root, limits), root, "", ())


@dataclass(frozen=True, slots=True)
class _Walk:
    output: OutputView
    root: str
    limits: TaskLimits

    def fail(self, path: str, problem: str) -> TaskError:
        shown = ascii(path[:200])[1:-1]
        return TaskError(f"output {self.output.name}: {self.root}/{shown}: {problem}")


def _walk(walk: _Walk, folder: str, path: str, above: tuple[tuple[int, int], ...]) -> Iterator[Found]:
    try:
        status = os.lstat(folder)
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in _bounded(entries, walk))
    except OSError as error:
        raise walk.fail(path, reason(error)) from None
    own = (status.st_dev, status.st_ino)
    if own in above:
        raise walk.fail(path, "a symbolic link leads back to a folder that it lies in")
    if len(above) >= walk.limits.depth:
        raise walk.fail(path, f"more than {walk.limits.depth} folders lie within each other")
    for name in names:
        below = f"{path}/{name}" if path else name
        if (problem := path_problem(below)) is not None:
            raise walk.fail(below, f"its name {problem}")
        place, mode = _resolved(walk, f"{folder}/{name}", below)
        if stat.S_ISDIR(mode.st_mode):
            yield from _walk(walk, place, below, (*above, own))
        else:
            yield Found(walk.output.name, below, place, _size(walk.output, place, mode))


def _bounded(entries: Iterator["os.DirEntry[str]"], walk: _Walk) -> Iterator["os.DirEntry[str]"]:
    for count, entry in enumerate(entries):
        if count > walk.limits.files:
            raise TaskError(f"the task wrote more than {walk.limits.files:,} files: pack them into archives")
        yield entry


def _resolved(walk: _Walk, place: str, path: str) -> tuple[str, os.stat_result]:
    try:
        mode = os.lstat(place)
        if not stat.S_ISLNK(mode.st_mode):
            return place, mode
        target = os.path.realpath(place, strict=True)
        if not f"{target}/".startswith(f"{walk.root}/"):
            raise walk.fail(path, "is a symbolic link that leads out of the artifact: write the file itself")
        return target, os.lstat(target)
    except OSError as error:
        raise walk.fail(path, reason(error)) from None


def _size(output: OutputView, place: str, mode: os.stat_result) -> int:
    if not stat.S_ISREG(mode.st_mode):
        raise TaskError(f"output {output.name}: {ascii(place[:200])[1:-1]}: it is neither a file nor a folder")
    return mode.st_size
