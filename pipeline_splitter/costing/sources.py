"""Source selection: from which copy a dataset is brought to a site.

The source whose transfer is cheapest in the objective; for a list the first objective decides, among equals the next,
and at last the site's name. `time` counts the transfer's seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moorage.model import Dataset, DatasetRef
from moorage.objectives import Objective
from moorage.sites import Inventory
from pipeline_splitter.costing.rates import Rates
from pipeline_splitter.costing.tables import Table
from pipeline_splitter.problem import Floats, Integers

NOWHERE = -1
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of data that no task writes. Shapes: d such data, s sites.

    Attributes:
        data: (d,) indices in the table, ascending.
        site: (d, s): from where datum d is brought to each site; the site itself where a copy is; -1 where there is no
            copy at any listed site (governance refuses every reader then).
    """

    data: Integers
    site: Integers

    def costs(self, objective: Objective, table: Table, rates: Rates) -> Floats:
        """Return (d, s): of bringing each datum to each site; 0 where a copy is (and where there is none at all)."""
        target = np.arange(len(rates.sites))
        origin = np.where(self.site == NOWHERE, target, self.site)
        return rates.moving(objective, table.size_bytes[self.data][:, None], origin, target[None, :])


def choose_origins(
    table: Table,
    rates: Rates,
    inventory: Inventory,
    datasets: Mapping[DatasetRef, Dataset],
    objectives: Sequence[Objective],
) -> Origins:
    """Return the origin of every datum without a producer, at every site. Data with like copies are chosen together."""
    data = np.flatnonzero(table.producer < 0)
    chosen = np.full((len(data), len(rates.sites)), NOWHERE, dtype=np.int64)
    number = {name: index for index, name in enumerate(rates.sites)}
    copies: dict[DatasetRef | None, tuple[int, ...]] = {None: ()}
    alike: dict[tuple[int, ...], list[int]] = {}
    for row, index in enumerate(data.tolist()):
        ref = table.data[index].dataset
        if ref not in copies:
            dataset = datasets.get(ref) if ref is not None else None
            found = () if dataset is None else inventory.sources(dataset)
            copies[ref] = tuple(sorted({number[source.site] for source in found}))
        alike.setdefault(copies[ref], []).append(row)
    for sources, rows in alike.items():
        if sources:
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                part = np.array(rows[first : first + _ROWS_AT_ONCE])
                sizes = table.size_bytes[data[part]]
                chosen[part] = _cheapest(sizes, np.array(sources), rates, objectives)
    return Origins(data, chosen)


def _cheapest(size_bytes: Floats, sources: Integers, rates: Rates, objectives: Sequence[Objective]) -> Integers:
    """Return (d, s): the best of the sources for each size and target."""
    targets = np.arange(len(rates.sites))
    shape = (len(size_bytes), len(sources), len(targets))
    left = np.ones(shape, dtype=np.bool_)
    for objective in objectives:
        cost = rates.moving(objective, size_bytes[:, None, None], sources[None, :, None], targets[None, None, :])
        cost = np.where(left, np.broadcast_to(cost, shape), np.inf)
        left &= cost == cost.min(axis=1, keepdims=True)
    best: Integers = sources[np.argmax(left, axis=1)]
    best[:, sources] = sources
    return best
