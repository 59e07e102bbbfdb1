"""Hints: sizes, seconds, datasets and accounts that a person states. Frozen; names are not checked yet.

Units: bytes, seconds, cores.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from moorage.model import DatasetRef

TASK_SECONDS = 60.0
ARTIFACT_BYTES = 100 * 2**20


@dataclass(frozen=True, slots=True)
class InputHint:
    """A pipeline input (or an input file) is this dataset. `size_bytes`: reads that much of it; None: all."""

    dataset: DatasetRef
    size_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class TaskHint:
    """A hint about one task, or all tasks in a nested pipeline. None: nothing is stated."""

    seconds: float | None = None
    cpu: float | None = None
    iterations: int | None = None
    purpose: str | None = None
    namespace: str | None = None
    service_account: str | None = None
    accepts: frozenset[tuple[DatasetRef, str]] = frozenset()
    sites: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """The defaults where nothing is stated. `namespace_said`: the namespace was stated."""

    task_seconds: float = TASK_SECONDS
    artifact_bytes: float = ARTIFACT_BYTES
    purpose: str | None = None
    namespace: str = "default"
    service_account: str = "default"
    currency: str = ""
    namespace_said: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Hints:
    """The hints of all files, merged: the later wins, field by field. Keys as people wrote them.

    `namespace_purposes` is not hinted: what the Namespace objects beside the datasets list, for those that limit
    purposes.

    Attributes:
        measured: (section, name) of what only measured figures name: they may be of an earlier version of the pipeline,
            so that what is no longer there is passed over.
    """

    inputs: Mapping[str, InputHint] = field(default_factory=dict)
    tasks: Mapping[str, TaskHint] = field(default_factory=dict)
    artifacts: Mapping[str, float] = field(default_factory=dict)
    defaults: Defaults = Defaults()
    namespace_purposes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    measured: frozenset[tuple[str, str]] = frozenset()

    def stated(self, section: str, names: Iterable[str]) -> list[str]:
        """Return those of the names in a section (`tasks`, `artifacts`) that a person wrote; sorted."""
        return sorted(name for name in names if (section, name) not in self.measured)
