"""A run's identity, and the keys of its objects in an artifact store. The layout is normative: docs/runs.md."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_PART: Final = 80


@dataclass(frozen=True, slots=True, order=True)
class RunRef:
    """One run and no later one of the same name; prints as its id, `<namespace>/<name>/<uid>`."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}/{self.uid}"


@dataclass(frozen=True, slots=True)
class RunKeys:
    """The keys of a run's objects in one site's artifact store.

    Attributes:
        prefix: the store's own, without slashes at its ends; "" for a whole bucket.
        run: the run.
    """

    prefix: str
    run: RunRef

    @property
    def root(self) -> str:
        """The prefix of all the run's keys; ends with a slash."""
        return f"{self.prefix}/runs/{self.run}/" if self.prefix else f"runs/{self.run}/"

    @property
    def report(self) -> str:
        """Plan beside actual."""
        return f"{self.root}run.json"

    @property
    def page(self) -> str:
        """The same for people."""
        return f"{self.root}report.html"

    def plan(self, file: str) -> str:
        """Return the key of a file of the plan, as `plan.json` or `groups/eu-1-1.yaml`."""
        return f"{self.root}plan/{file}"

    def tasks(self, task: str = "") -> str:
        """Return the prefix of the keys of all tasks, or of all attempts of one; ends with a slash."""
        return f"{self.root}tasks/{task}/" if task else f"{self.root}tasks/"

    def task(self, task: str, attempt: int, what: str) -> str:
        """Return the key of an attempt's object: `started`, `log`, `log.<n>`, `outputs` or `ended`."""
        return f"{self.tasks(task)}{attempt}/{what}"

    def seen(self, group: str, attempt: int | None = None) -> str:
        """Says that a spoke has seen this attempt of a group; without one, what the keys of all begin with."""
        return f"{self.root}groups/{group}/{'' if attempt is None else attempt}"

    def submitted(self, group: str, attempt: int) -> str:
        """Return the key that notes when a group's attempt was submitted to a runner that is a service of its own."""
        return f"{self.seen(group, attempt)}/submitted"

    def artifact(self, task: str, output: str) -> str:
        """Return the key of an artifact's manifest."""
        return f"{self.root}artifacts/{task}/{output}.json"

    def value(self, task: str, output: str) -> str:
        """Return the key of a parameter that crosses."""
        return f"{self.root}values/{task}/{output}.json"

    def data(self, task: str, attempt: int, output: str) -> str:
        """Return the place of an output's bytes: one object, or a folder. No two attempts share one."""
        return f"{self.written_by(task)}{attempt}/{plain(output)}"

    def written_by(self, task: str) -> str:
        """Return the prefix of all that a task wrote; ends with a slash."""
        return f"{self.root}data/{plain(task)}/"


def plain(name: str) -> str:
    """Return a name of letters, digits, `.`, `_` and `-` only, fit for any URI; two names never share one."""
    made = _PLAIN.sub("_", name)
    if made == name and 0 < len(name) <= _LONGEST_PART and name not in {".", ".."} and not _TAGGED.search(name):
        return name
    return f"{made[:_LONGEST_PART]}-{_short_digest(name)}"


def group_name(run_uid: str, group: str, attempt: int) -> str:
    """Return the name of a PipelineGroup in its cluster; the same attempt always has the same name."""
    return f"{run_uid}-{group}-{attempt}"


def split_datum(key: str) -> tuple[str, str]:
    """Split `<task>.<output>`, as plan.json names artifacts and values, into task and output."""
    task, _, output = key.rpartition(".")
    return task, output


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# A name that looks like one that was made safe gets a digest, too, so that it can't meet it.
_TAGGED: Final = re.compile(r"-[0-9a-f]{12}$")
