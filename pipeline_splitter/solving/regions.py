"""Large neighbourhood search: blocks near each other have their sites opened while all others stay."""

import numpy as np

from pipeline_splitter.problem import Flags, Integers
from pipeline_splitter.solving.core import Core, Incidence
from pipeline_splitter.solving.search import flows

_STEP = 8
"""The number of blocks added between two looks at how large the program is."""
_NEAR = 30
"""The most neighbours of a block that are looked at: a datum may have a thousand readers."""


class Regions:
    """The regions around blocks of a core, in an order that a seed gives."""

    def __init__(self, core: Core, seed: int) -> None:
        self.core = core
        self._order = np.random.default_rng(seed)
        made, given = _members(core.made, core.producer), _members(core.given, None)
        self._groups = [*made, *given]
        self._of: list[list[int]] = [[] for _ in core.blocks]
        for number, members in enumerate(self._groups):
            for block in members.tolist():
                self._of[block].append(number)

    def around(self, open_sites: Flags, choice: Integers, most_flows: int) -> Flags:
        """Return (f, s): where blocks may be: those of the next region at all their open sites, others where they are.

        Args:
            open_sites: (f, s): where a block may be, if it lies in the region.
            choice: where it stays else.
            most_flows: about so large a program (see `search.flows`).
        """
        start = int(self._order.integers(len(self._of)))
        region = np.zeros_like(open_sites)
        region[np.arange(len(region)), choice] = True
        waiting, known = [start], {start}
        for number, block in enumerate(waiting, start=1):
            region[block] |= open_sites[block]
            if number % _STEP == 0 and flows(self.core, region) >= most_flows:
                break
            near = [int(other) for group in self._of[block] for other in self._groups[group]]
            for position in self._order.permutation(len(near))[:_NEAR].tolist():
                if near[position] not in known:
                    known.add(near[position])
                    waiting.append(near[position])
        return region


def _members(incidence: Incidence, producer: Integers | None) -> list[Integers]:
    """Return the blocks of each net, its writer included."""
    readers = np.split(incidence.readers, incidence.starts[1:])[:-1]
    if producer is None:
        return readers
    return [np.append(each, writer) for each, writer in zip(readers, producer.tolist(), strict=True)]
