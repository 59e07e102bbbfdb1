"""Inputs and findings of a check."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.model import Dataset, DatasetRef
from moorage.sites import Inventory
from pipeline_splitter.graph import Graph
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp.pipeline import KfpPipeline

TOLERANCE = 1e-9
"""Relative: what rounding may change."""


@dataclass(frozen=True, slots=True)
class CheckInputs:
    """The inputs from which the plan was made.

    Attributes:
        graph: the pipeline, without inserted tasks.
        pipeline: what its groups' files are compared with; None for a recorded workflow, whose groups have no files.
        inventory: all sites.
        datasets: all that are known.
        tolerance: relative: how much of an objective a later one could give up.
        kwh_per_gb: energy of the network.
        currency: that a hint names; sites may name it, too.
        hints: what was said beside the pipeline; how long units take is recomputed from it.
    """

    graph: Graph
    pipeline: KfpPipeline | None
    inventory: Inventory
    datasets: Mapping[DatasetRef, Dataset]
    tolerance: float = 0.01
    kwh_per_gb: float = 0.03
    currency: str = ""
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that does not hold.

    Attributes:
        where: the place, as `tasks[train].site`; of another file with its name before: `bound.json objectives[money]`.
        problem: what was found, and what was expected.
    """

    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check.

    Attributes:
        findings: in the order in which things were looked at; empty: it holds.
        checked: what was recomputed, in short sentences.
        unchecked: what was not, and why.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


@dataclass
class Notes:
    """A collector of findings."""

    findings: list[Finding] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, where: str, problem: str) -> None:
        """One thing that does not hold."""
        self.findings.append(Finding(where, problem))

    def same(self, where: str, found: object, expected: object) -> bool:
        """Return whether two values are equal; note a finding where they are not."""
        if found == expected:
            return True
        self.add(where, f"is {shown(found)}, expected {shown(expected)}")
        return False

    def near(self, where: str, found: float, expected: float, scale: float = 0.0) -> bool:
        """Return whether two figures are equal but for rounding; note a finding where they are not.

        Args:
            where: the place.
            found: what the plan says.
            expected: what was recomputed.
            scale: how large the figures were that it is a sum or a difference of.
        """
        if is_near(found, expected, scale):
            return True
        self.add(where, f"is {found!r}, expected {expected!r}")
        return False

    def verdict(self) -> Verdict:
        """Return all that was noted."""
        return Verdict(tuple(self.findings), tuple(self.checked), tuple(self.unchecked))


def is_near(one: float, other: float, scale: float = 0.0) -> bool:
    """Return whether two figures differ by rounding only."""
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), scale)


_MOST_SHOWN = 200


def shown(value: object) -> str:
    """Return a value in a sentence: sorted, and not too long."""
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    if isinstance(value, (list, tuple)):
        text = ", ".join(str(item) for item in value) or "nothing"
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
