"""A peer's answers beside ours: how much more expensive, how much slower."""

import math
import statistics
from collections import Counter
from dataclasses import dataclass, field

from bench.rows import Row

GAP = 1e-4
"""Ours may be dearer than the optimum by so much, relatively."""


@dataclass
class Compared:
    """The results of one peer on all problems so far.

    Attributes:
        ratios: its cost over ours, where it answered; infinite where ours is free and its own is not.
        slower: its seconds over ours.
        seconds: its seconds.
        troubles: how often it did not answer, by reason.
    """

    ratios: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)

    def add(self, value: float, seconds: float, our_value: float, our_seconds: float) -> None:
        """One more answer."""
        self.ratios.append(value / our_value if our_value > 0 else 1.0 if value <= 0 else math.inf)
        self.slower.append(seconds / max(our_seconds, 1e-9))
        self.seconds.append(seconds)

    def row(self, name: str, unmeasured: str = "") -> Row:
        """Return all of it as one line of the table.

        Args:
            name: the peer's.
            unmeasured: why there are no answers, where there are none.
        """
        what = f"cost over ours: {name}"
        finite = [ratio for ratio in self.ratios if math.isfinite(ratio)]
        troubles = [f"{trouble}: {count}" for trouble, count in self.troubles.items()]
        if not finite:
            return Row(what, "not measured", "; ".join(troubles) or unmeasured)
        free = len(self.ratios) - len(finite)
        asked = len(self.ratios) + self.troubles.total()
        notes = [f"worst {max(finite):.3g}x, {len(self.ratios)} of {asked} problems answered"]
        notes += [f"ours is free and this is not: {free}"] if free else []
        notes += troubles
        notes.append(f"time over ours {statistics.median(self.slower):.2g}x (p50), {max(self.seconds):.2g} s at most")
        return Row(
            what,
            f"{statistics.geometric_mean(finite):.3f}x",
            "; ".join(notes),
            "never below 1 (1e-4)",
            min(finite) >= 1 - GAP,
        )
