"""A pod with labels that nobody wrote: its namespace gives them, or its claims stand for them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from moorage.refusal import Refusal
from webhook.mutate import Served

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A pod with the labels that it stands for.

    Attributes:
        pod: with them.
        origins: why it has labels that nobody wrote, by their number.
    """

    pod: Raw
    origins: Mapping[int, str] = field(default_factory=dict)

    def explain(self, outcome: Served | Refusal) -> Served | Refusal:
        """Explain in a refusal about such a label where the label came from."""
        if not isinstance(outcome, Refusal):
            return outcome
        told = [
            f"(dataset.{number} stands for {origin})"
            for number, origin in sorted(self.origins.items())
            if f"[dataset.{number}." in outcome.message
        ]
        return replace(outcome, message=" ".join([outcome.message, *told]))
