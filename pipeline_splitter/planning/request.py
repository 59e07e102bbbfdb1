"""Request for a plan, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef
from moorage.objectives import MONEY, OBJECTIVES
from moorage.sites import Inventory
from pipeline_splitter.costing import Terms
from pipeline_splitter.graph import Graph
from pipeline_splitter.hints import Hints

TOLERANCE = 0.01
GAP = 1e-6
KWH_PER_GB = 0.03


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides a plan.

    Attributes:
        documents: the pipeline, parsed: compiled KFP IR or a workflow in WfFormat.
        subject: the pipeline's file, for messages.
        objectives: in order of importance.
        tolerance: relative: how much of an objective a later one may give up.
        gap: relative: when a plan is good enough.
        kwh_per_gb: energy that the network takes, in kWh for 1e9 bytes.
        datasets_said: whether somebody gave datasets at all, even none.
        settled: by task, the group of an earlier plan that it stays in, as far as it is placed at that group's site.
        taken: ids of groups of earlier plans, which no new group gets.
    """

    documents: Sequence[Any]
    subject: str
    inventory: Inventory
    datasets: Mapping[DatasetRef, Dataset]
    hints: Hints = field(default_factory=Hints)
    objectives: tuple[str, ...] = (MONEY.name,)
    tolerance: float = TOLERANCE
    gap: float = GAP
    kwh_per_gb: float = KWH_PER_GB
    datasets_said: bool = True
    settled: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.inventory.sites:
            raise InputError("--sites", "file", "holds no Site: declare at least one")
        self.inventory.currency(self.hints.defaults.currency)

    @property
    def currency(self) -> str:
        """The currency of all prices, or ""."""
        return self.inventory.currency(self.hints.defaults.currency)

    def refuse_missing_datasets(self, graph: Graph) -> None:
        """Refuse a pipeline that names datasets where nobody said which there are.

        Raises:
            InputError: naming the first task that does.
        """
        if self.datasets_said:
            return
        for step in (*graph.importers, *(step for task in graph.tasks.values() for step in task.steps)):
            named = [use.ref for use in step.uses] + [ref for ref in (step.dataset,) if ref]
            named += [read.dataset for read in step.reads if read.dataset]
            if named:
                raise InputError(
                    "--datasets",
                    "file",
                    f"is missing, and task {step.name} names dataset {min(named)}: give the Dataset objects, as "
                    "`kubectl get datasets -A -o yaml` prints them",
                )

    def terms(self, objectives: tuple[str, ...] | None = None) -> Terms:
        """Return the terms of prices; `objectives`: a part of the list, None: all of it."""
        return Terms(
            self.inventory,
            self.datasets,
            self.objectives if objectives is None else objectives,
            self.kwh_per_gb,
            self.currency,
        )


def read_objectives(text: str) -> tuple[str, ...]:
    """Read the objectives in a comma-separated list.

    Raises:
        InputError: one is not known, or stands there twice.
    """
    words = tuple(word.strip() for word in text.split(","))
    for index, word in enumerate(words):
        if word not in OBJECTIVES:
            raise InputError("--objective", text, f"{word!r} is not one of {', '.join(OBJECTIVES)}")
        if word in words[:index]:
            raise InputError("--objective", text, f"{word} stands there twice: name each once")
    return words
