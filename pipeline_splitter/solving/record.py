"""Incumbents and bounds of a core, component by component, and the sites that are ruled out.

Components (parts of the core that share no net) are followed one by one: each keeps the best bound and the best choice
that were seen for it, and is left alone once its own gap is small enough.
"""

import math

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers
from pipeline_splitter.solving.core import Core, CoreCosts

_CAUTION = 1e-9
"""A relative margin: a site counts as too expensive only where it is so by more than rounding."""


class Record:
    """The best choice and bounds so far.

    Attributes:
        pieces: component of each free block; `piece_count` of them.
        best_bound, best_value: of each component, constants left out.
        best_choice: site of each free block.
        active: components that are worked on.
        dead: (f, s): sites that no choice cheaper than the best one uses, or that are not allowed.
    """

    def __init__(self, core: Core, costs: CoreCosts) -> None:
        self.core = core
        self.costs = costs
        self.pieces = components(core)
        self.piece_count = int(self.pieces.max(initial=-1)) + 1
        self.best_bound = np.full(self.piece_count, -math.inf)
        self.best_value = np.full(self.piece_count, math.inf)
        self.best_choice = np.zeros(len(core.blocks), dtype=np.int64)
        self.active = np.ones(self.piece_count, dtype=bool)
        self.dead = ~core.allowed

    @property
    def value(self) -> float:
        """Cost of the best choice, the constant included."""
        return float(self.best_value.sum()) + self.costs.constant

    @property
    def bound(self) -> float:
        """The bound that the best multipliers prove (rounding apart), the constant included."""
        return float(self.best_bound.sum()) + self.costs.constant

    @property
    def gap(self) -> float:
        """The relative gap."""
        value, bound = self.value, self.bound
        return 0.0 if value <= bound else (value - bound) / abs(value) if value else math.inf

    def settle(self, gap: float) -> bool:
        """Leaves alone components whose gap is small enough for the whole to be within `gap`; whether that changed."""
        value = self.best_value
        part = np.bincount(self.pieces, minlength=self.piece_count) / max(1, len(self.pieces))
        enough = gap / 2 * (np.abs(value) + part * abs(self.value))
        active = ~(value - self.best_bound <= enough)
        changed = bool((active != self.active).any())
        self.active = active
        return changed

    def heat(self, softness: float) -> Floats:
        """Return a temperature for each component, relative to its cost per block."""
        scale = np.where(np.isfinite(self.best_value), np.abs(self.best_value), np.abs(self.best_bound))
        size = np.maximum(1, np.bincount(self.pieces, minlength=self.piece_count))
        heat: Floats = np.maximum(softness * scale / size, 1e-290)
        return heat

    def keep_choice(self, choice: Integers) -> bool:
        """Keeps a choice where it is the cheapest seen for a component; returns whether it is anywhere."""
        value = self.values(choice)
        better = self.active & (value < self.best_value)
        if better.any():
            self.best_value[better] = value[better]
            mine = better[self.pieces]
            self.best_choice[mine] = choice[mine]
        return bool(better.any())

    def keep_bound(self, least: Floats, reduced: Floats) -> Flags:
        """Keep bounds where they are the best seen, and drop sites that are too expensive.

        Args:
            least: of each block; their sum over a component bounds its cost.
            reduced: (f, s): what a site costs a block above its best one.

        Returns:
            The components whose bound is better now.
        """
        bound = np.bincount(self.pieces, least, minlength=self.piece_count)
        better: Flags = self.active & (bound > self.best_bound)
        self.best_bound[better] = bound[better]
        slack = (self.best_value - bound)[self.pieces]
        slack += _CAUTION * np.abs(self.best_value)[self.pieces]
        mine = self.active[self.pieces] & np.isfinite(slack)
        self.dead[mine] |= reduced[mine] > slack[mine, None]
        return better

    def values(self, choice: Integers) -> Floats:
        """Return the cost of a choice in each component."""
        core, costs = self.core, self.costs
        sites = core.allowed.shape[1]
        value = np.bincount(
            self.pieces, costs.unary[np.arange(len(choice)), choice], minlength=self.piece_count
        ).astype(np.float64)
        for incidence, given in ((core.made, False), (core.given, True)):
            if len(incidence.readers) == 0:
                continue
            counts = np.diff(incidence.starts)
            pairs = np.unique(np.repeat(np.arange(len(counts)), counts) * sites + choice[incidence.readers])
            net, site = pairs // sites, pairs % sites
            paid = (
                costs.given[net, site]
                if given
                else core.carried_bytes[net, site] * costs.price[choice[core.producer[net]], site]
            )
            value += np.bincount(
                self.pieces[incidence.readers[incidence.starts[net]]], paid, minlength=self.piece_count
            )
        return value


def components(core: Core) -> Integers:
    """Return the component of each free block, numbered in order of first appearance."""
    parent = list(range(len(core.blocks)))

    def root(block: int) -> int:
        while parent[block] != block:
            parent[block] = parent[parent[block]]
            block = parent[block]
        return block

    counts = np.diff(core.made.starts)
    anchors = np.concatenate(
        [
            np.repeat(core.producer, counts),
            np.repeat(core.given.readers[core.given.starts[:-1]], np.diff(core.given.starts)),
        ]
    ).tolist()
    for one, other in zip(anchors, [*core.made.readers.tolist(), *core.given.readers.tolist()], strict=True):
        first, second = root(one), root(other)
        if first != second:
            parent[max(first, second)] = min(first, second)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(block), len(numbers)) for block in range(len(parent))], dtype=np.int64)
