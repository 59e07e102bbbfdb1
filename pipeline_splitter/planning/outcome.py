"""Outcome of a planning: a plan, or the reasons why there is none, and the files that state it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_splitter.plan import Infeasible, Plan
from pipeline_splitter.report.comparison import Scenario


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer, with what else is worth telling.

    Attributes:
        comparison: other ways to place the pipeline, with what they would cost.
        warnings: sentences for the person who plans; a plan has them, too.
        files: what belongs in the plan's directory: relative name -> text.
    """

    answer: Plan | Infeasible
    files: Mapping[str, str]
    comparison: tuple[Scenario, ...] = field(default=())
    warnings: tuple[str, ...] = ()
