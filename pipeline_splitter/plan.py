"""A plan, as records: what `plan.json` says. Units: bytes, seconds, currency, grams of CO2-equivalent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.model import DatasetRef, Governance
from pipeline_splitter.graph import DatumKind


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """The plan's result by one objective of the list."""

    objective: str
    value: float
    lower_bound: float
    gap: float
    optimal: bool
    certified: bool
    solver: str


@dataclass(frozen=True, slots=True)
class Denial:
    """The denial of a site: a rule's code (or ResourceExceeded, Pinned, QuotaExceeded) and a sentence."""

    rule: str
    message: str
    dataset: DatasetRef | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another site for a task: what moving it there (with what must stay with it) would add, or why it can't."""

    site: str
    cost_delta: float | None = None
    denied: Denial | None = None


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task, placed. `start` and `end` in seconds from the run's start; `title`: its display name, if it has one."""

    name: str
    site: str
    group: str
    start: float
    end: float
    reason: str
    governance: Mapping[DatasetRef, Governance]
    assumed: tuple[str, ...] = ()
    inserted: bool = False
    alternatives: tuple[Alternative, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One datum, brought once from one site to another, for all its readers there.

    `costs`: its share of each linear objective but `bytes`.
    """

    kind: DatumKind
    key: str
    origin: str
    target: str
    size_bytes: float
    seconds: float
    costs: Mapping[str, float]
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """An input of a submitted group: an artifact's URI or a parameter's value (exactly one is set).

    Attributes:
        parameter: name of the group's pipeline parameter that carries it.
        artifact: datum key.
        value: `<task>.<output>` of a crossing parameter.
        origin: id of the group that makes it; "" for what is there before the run.
    """

    parameter: str
    origin: str
    artifact: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An output of a group's root: an artifact (datum key) or a parameter's value (`<task>.<output>`)."""

    output: str
    artifact: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks of one site that are submitted as one pipeline. `tasks` in topological order; `after` sorted.

    `renamed`: the tasks that have another name in `file`, which is flat, by that name; plan.json does not tell it.
    """

    id: str
    site: str
    tasks: tuple[str, ...]
    after: tuple[str, ...] = ()
    file: str = ""
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InsertedRelease:
    """A transform that the plan put in front of `datum` for those readers (steps) that take the released form."""

    dataset: DatasetRef
    release: str
    task: str
    site: str
    datum: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer. `costs` holds every objective of this plan; `tasks` and `transfers` are sorted.

    `currency`: an ISO 4217 code; "" where no site names one.
    """

    pipeline_name: str
    pipeline_digest: str
    cost: tuple[ObjectiveResult, ...]
    costs: Mapping[str, float]
    tasks: tuple[PlannedTask, ...]
    transfers: tuple[Transfer, ...]
    groups: tuple[Group, ...]
    releases: tuple[InsertedRelease, ...] = ()
    warnings: tuple[str, ...] = ()
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Infeasible:
    """Nothing can be planned: facts that cannot hold together (none can be left out), and what would help.

    Each fact: `task`, `together`, `dataset`, `rule`, `site`, `resource`, `pin`, `sites`, `message` (those that apply).
    Each remedy: `release` | `acceptance` | `clearance`, with the names it concerns and a `message`.

    Attributes:
        undecided: `facts`, where time ran out before it was known that none can be left out; `remedies`, where it did
            before all were tried.
    """

    facts: tuple[Mapping[str, str], ...]
    remedies: tuple[Mapping[str, str], ...]
    undecided: tuple[str, ...] = ()
