"""The disaggregated mixed-integer program as columns and rows, in coordinates; nothing of a solver.

For each reader of a net one unit of flow from the producer's site to the reader's; what the net costs at a site is at
least what any one reader's flow to it costs. Quotas and budgets are rows.
"""

import math

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving import core as cores
from pipeline_splitter.solving import evaluate

_STEEPEST = 1e7
"""The largest coefficient in a row, in units of the row's limit."""


class Rows:
    """The program's columns and rows, in coordinates."""

    def __init__(self, core: cores.Core) -> None:
        self.core = core
        self.low: list[float] = []
        self.high: list[float] = []
        self._row_parts: list[Integers] = []
        self._column_parts: list[Integers] = []
        self._value_parts: list[Floats] = []
        self._cost_parts: list[Floats] = []
        self._caps: list[tuple[Integers, Floats]] = []
        self.impossible = False
        self.variables = 0
        self.column_of = np.full(core.allowed.shape, -1, dtype=np.int64)
        self.choices = int(core.allowed.sum())
        self.column_of[core.allowed] = np.arange(self.choices)
        self._new(core.costs[0].unary[core.allowed])
        first = self._new_rows(len(core.blocks), 1.0, 1.0)
        self._put(first + np.nonzero(core.allowed)[0], self.column_of[core.allowed], 1.0)
        self.dual_parts: list[tuple[int, int, Integers, Integers, Integers, Floats]] = []
        self.given_dual_parts: list[tuple[int, Integers, Integers]] = []
        self._budget_columns: dict[int, list[tuple[Integers, Floats]]] = {q: [] for q in range(1, len(core.costs))}
        self._given()
        self._made()

    @property
    def rows(self) -> Integers:
        """Row of each coefficient."""
        return np.concatenate(self._row_parts)

    @property
    def columns(self) -> Integers:
        """Column of each coefficient."""
        return np.concatenate(self._column_parts)

    @property
    def values(self) -> Floats:
        """The coefficients' values."""
        return np.concatenate(self._value_parts)

    @property
    def cost(self) -> Floats:
        """The objective's coefficients."""
        return np.concatenate(self._cost_parts)

    def _new(self, cost: Floats) -> Integers:
        """New columns with these costs."""
        columns = np.arange(self.variables, self.variables + len(cost))
        self.variables += len(cost)
        self._cost_parts.append(cost)
        return columns

    def _new_rows(self, count: int, low: float, high: float) -> int:
        """New rows; returns the first one's number."""
        first = len(self.low)
        self.low.extend([low] * count)
        self.high.extend([high] * count)
        return first

    def _put(self, rows: Integers, columns: Integers, values: Floats | float) -> None:
        """Add coefficients to the matrix."""
        self._row_parts.append(rows)
        self._column_parts.append(columns)
        self._value_parts.append(np.broadcast_to(np.asarray(values, dtype=np.float64), columns.shape))

    def _given(self) -> None:
        """Add the rows of a given net, which is brought to a site where any reader is."""
        core = self.core
        entry = 0
        for net in range(len(core.given.starts) - 1):
            readers = core.given.readers[core.given.starts[net] : core.given.starts[net + 1]]
            wanted = np.any([costs.given[net] > 0 for costs in core.costs], axis=0)
            targets = np.flatnonzero(core.allowed[readers].any(axis=0) & wanted)
            brought = self._new(core.costs[0].given[net, targets])
            for q in range(1, len(core.costs)):
                self._budget_columns[q].append((brought, core.costs[q].given[net, targets]))
            for reader in readers.tolist():
                here = np.flatnonzero(core.allowed[reader, targets])
                first = self._new_rows(len(here), 0.0, math.inf)
                rows = first + np.arange(len(here))
                self._put(rows, brought[here], 1.0)
                self._put(rows, self.column_of[reader, targets[here]], -1.0)
                self.given_dual_parts.append((entry, targets[here], rows))
                entry += 1

    def _made(self) -> None:
        """Add the rows of a made net: flows from the producer's site to each reader's."""
        core = self.core
        entry = 0
        for net in range(len(core.producer)):
            readers = core.made.readers[core.made.starts[net] : core.made.starts[net + 1]]
            sources = np.flatnonzero(core.allowed[core.producer[net]])
            shared = len(readers) > 1
            bytes_to = core.carried_bytes[net]
            per_flow = [costs.price * bytes_to for costs in core.costs]
            ceilings = [self._ceilings(net, readers, q) for q in range(len(core.costs))] if shared else []
            for reader in readers.tolist():
                targets = np.flatnonzero(core.allowed[reader])
                grid = np.ix_(sources, targets)
                flows = self._new(np.zeros(len(sources) * len(targets)) if shared else per_flow[0][grid].ravel())
                square = flows.reshape(len(sources), len(targets))
                leaving = self._new_rows(len(sources), 0.0, 0.0) + np.arange(len(sources))
                self._put(np.repeat(leaving, len(targets)), flows, 1.0)
                self._put(leaving, self.column_of[core.producer[net], sources], -1.0)
                arriving = self._new_rows(len(targets), 0.0, 0.0) + np.arange(len(targets))
                self._put(np.tile(arriving, len(sources)), flows, 1.0)
                self._put(arriving, self.column_of[reader, targets], -1.0)
                if not shared:
                    nothing = np.zeros(0, dtype=np.int64)
                    self.dual_parts.append((entry, net, targets, arriving, nothing, np.zeros(0)))
                for q in range(len(core.costs)):
                    if not shared:
                        if q:
                            self._budget_columns[q].append((flows, per_flow[q][grid].ravel()))
                        continue
                    # What the net costs at a site is at least what this reader's flow to it costs, in units of the
                    # dearest way there, so that coefficients lie near 1.
                    ceiling, unit = ceilings[q]
                    priced = np.flatnonzero(unit[targets] > 0)
                    dues = self._new_rows(len(priced), 0.0, math.inf) + np.arange(len(priced))
                    self._put(dues, ceiling[targets[priced]], 1.0)
                    if q == 0:
                        at = np.full(len(unit), -1, dtype=np.int64)
                        at[targets[priced]] = dues
                        self.dual_parts.append((entry, net, targets, arriving, at, unit))
                    ratios = per_flow[q][np.ix_(sources, targets[priced])] / unit[targets[priced]]
                    used = ratios > 0
                    self._put(np.broadcast_to(dues, ratios.shape)[used], square[:, priced][used], -ratios[used])
                entry += 1

    def _ceilings(self, net: int, readers: Integers, q: int) -> tuple[Integers, Floats]:
        """Return the column and unit of the net's cost at each site; -1 and 0 where it costs nothing."""
        core = self.core
        sources = np.flatnonzero(core.allowed[core.producer[net]])
        unit = (core.costs[q].price[sources] * core.carried_bytes[net]).max(axis=0)
        unit = np.where(core.allowed[readers].any(axis=0), unit, 0.0)
        targets = np.flatnonzero(unit > 0)
        columns = np.full(len(unit), -1, dtype=np.int64)
        columns[targets] = self._new(unit[targets] if q == 0 else np.zeros(len(targets)))
        if q:
            self._budget_columns[q].append((columns[targets], unit[targets]))
        return columns, unit

    @property
    def most(self) -> Floats:
        """The upper bound of each column."""
        most = np.full(self.variables, np.inf)
        for columns, ceilings in self._caps:
            np.minimum.at(most, columns, ceilings)
        return most

    def add_budget(self, q: int, limit: float) -> None:
        """Add a budget as a row, in units of what is left of it."""
        costs = self.core.costs[q]
        spent = [(self.column_of[self.core.allowed], costs.unary[self.core.allowed]), *self._budget_columns[q]]
        columns, values = (np.concatenate(parts) for parts in zip(*spent, strict=True))
        self._add_ceiling(columns, values, limit - costs.constant, max(abs(limit), abs(costs.constant)))

    def add_quotas(self) -> None:
        """Quotas as rows, in units of what is left of them."""
        core = self.core
        for site in np.flatnonzero(np.isfinite(core.quota_left)).tolist():
            here = np.flatnonzero(core.allowed[:, site] & (core.cpu_hours[:, site] > 0))
            left = float(core.quota_left[site])
            hours = core.cpu_hours[here, site]
            self._add_ceiling(self.column_of[here, site], hours, left, max(abs(left), float(hours.max(initial=0.0))))

    def _add_ceiling(self, columns: Integers, values: Floats, left: float, size: float) -> None:
        """Sum of values times columns is at most what is left, up to rounding of figures of about `size`.

        What alone is too much is capped rather than put into the row, so that no coefficient spoils its scale.
        """
        allowance = evaluate.TOLERANCE * size
        if left < -allowance:
            self.impossible = True
            return
        used = values > 0
        columns, values = columns[used], values[used]
        steep = values > max(left, 0.0) * _STEEPEST
        nothing = left <= allowance
        if nothing or steep.any():
            capped = values > allowance if nothing else steep
            self._caps.append(
                (
                    columns[capped],
                    np.maximum(left, 0.0) / values[capped] if not nothing else np.zeros(int(capped.sum())),
                )
            )
            columns, values = columns[~capped], values[~capped]
        if nothing or len(columns) == 0:
            return
        row = self._new_rows(1, -math.inf, 1.0 + evaluate.TOLERANCE)
        self._put(np.full(len(columns), row), columns, values / left)
