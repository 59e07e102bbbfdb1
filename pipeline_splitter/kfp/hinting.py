"""Hints, found by path: what is said of a task, of all tasks in a nested pipeline, of artifacts and inputs."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from moorage.errors import InputError
from pipeline_splitter.hints import Hints, TaskHint

_SUBJECT = "hints"
_SHOWN = 10


class HintBook:
    """The hints of one pipeline; remembers what they could name."""

    def __init__(self, hints: Hints) -> None:
        self.hints = hints
        self._paths: set[str] = set()
        self._artifacts: set[str] = set()
        self._titles: dict[str, str] = {}

    def on(self, path: str) -> TaskHint:
        """Return the hint on this very path."""
        self._paths.add(path)
        return self.hints.tasks.get(path, _NOTHING)

    def name_title(self, path: str, title: str) -> None:
        """People know the task at `path` by its display name."""
        self._titles.setdefault(title, path)

    def place_of_sites(self, path: str) -> str:
        """Return where the nearest hint on the sites of the task at `path` stands, or ""."""
        while path:
            if self.hints.tasks.get(path, _NOTHING).sites is not None:
                return f"tasks[{path}].sites"
            path = path.rpartition("/")[0]
        return ""

    def name_artifact(self, key: str) -> None:
        """Note that `key` (`<task>.<output>`) may stand in hints."""
        self._artifacts.add(key)

    def finish(self, inputs: Iterable[str]) -> None:
        """Refuse hints that name nothing.

        Args:
            inputs: names of the pipeline's own inputs.

        Raises:
            InputError: naming what comes near.
        """
        _refuse("tasks", self.hints.stated("tasks", self.hints.tasks), self._paths, self._titles)
        _refuse("artifacts", self.hints.stated("artifacts", self.hints.artifacts), self._artifacts)
        _refuse("inputs", self.hints.inputs, set(inputs))


_NOTHING = TaskHint()
_NO_TITLES: Mapping[str, str] = {}


def _refuse(section: str, named: Iterable[str], known: set[str], titles: Mapping[str, str] = _NO_TITLES) -> None:
    for name in sorted(set(named) - known):
        inside = sorted(path for path in known if path.endswith(f"/{name}"))
        if inside:
            around = inside[0].removesuffix(f"/{name}")
            remedy = f"it is inside {around}, so write {' or '.join(inside[:_SHOWN])}"
            raise InputError(
                _SUBJECT, f"{section}[{name}]", f"is not a name at the top level of this pipeline: {remedy}"
            )
        if name in titles:
            raise InputError(_SUBJECT, f"{section}[{name}]", f"is a display name: write {titles[name]}")
        near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
        if near:
            remedy = f"nearest are {', '.join(near)}"
        elif known:
            remedy = f"there are {', '.join(sorted(known)[:_SHOWN])}{', ...' if len(known) > _SHOWN else ''}"
        else:
            remedy = "it has none"
        raise InputError(_SUBJECT, f"{section}[{name}]", f"names nothing in this pipeline: {remedy}")


def merged(outer: TaskHint, inner: TaskHint) -> TaskHint:
    """Merge hints: the inner one field by field, else the outer; both lists of accepted releases."""
    if inner is _NOTHING:
        return outer
    return TaskHint(
        seconds=outer.seconds if inner.seconds is None else inner.seconds,
        cpu=outer.cpu if inner.cpu is None else inner.cpu,
        iterations=outer.iterations if inner.iterations is None else inner.iterations,
        purpose=outer.purpose if inner.purpose is None else inner.purpose,
        namespace=outer.namespace if inner.namespace is None else inner.namespace,
        service_account=outer.service_account if inner.service_account is None else inner.service_account,
        accepts=outer.accepts | inner.accepts,
        sites=outer.sites if inner.sites is None else inner.sites,
    )


def inside_unit(hint: TaskHint, own: TaskHint) -> TaskHint:
    """Return the part of a unit's hint that holds for each step inside: not its total, repetitions and pin.

    Args:
        hint: what is said of the unit, and of the nested pipelines around it.
        own: what is said of the unit itself.
    """
    seconds = hint.seconds if own.seconds is None else None
    return replace(hint, seconds=seconds, iterations=None, sites=None)


def inside_loop(hint: TaskHint) -> TaskHint:
    """Return the part of a loop's hint, inside of a unit, that holds for what it repeats."""
    return replace(hint, iterations=None)
