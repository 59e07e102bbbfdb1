"""Costs of other ways to place the same pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """Another way to place it: all at one site, each where its biggest input is, the best by one objective.

    Attributes:
        name: for people, as `all at eu-1` or `least carbon`.
        costs: all four, by objective; None where it is not possible.
        reason: why it is not possible; or a remark.
    """

    name: str
    costs: Mapping[str, float] | None
    reason: str = ""
