"""Incremental evaluation: a choice with running totals, and what a move would add to costs and quotas."""

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.core import Core

_ROUNDS = 6
_GAIN = 1e-12


class Ledger:
    """A choice for the free blocks of a core, changed move by move within quotas and budgets."""

    def __init__(self, core: Core, choice: Integers, limits: Floats) -> None:
        """Starts from any choice; `limits` of the budgets are of the whole cost."""
        self.core = core
        self.choice = choice.copy()
        self.limits = limits
        blocks, sites = core.allowed.shape
        self._reads = _lists(core.made.readers, core.made.starts, blocks)
        self._given_reads = _lists(core.given.readers, core.given.starts, blocks)
        self._wrote = np.searchsorted(core.producer, np.arange(blocks + 1))
        self._counts = _counts(core.made.starts, core.made.readers, choice, sites)
        self._given_counts = _counts(core.given.starts, core.given.readers, choice, sites)
        taken = core.cpu_hours[np.arange(blocks), choice]
        self.hours: Floats = np.bincount(choice, taken, minlength=sites).astype(np.float64)
        self.spent = np.array([self._whole(q) for q in range(len(core.costs))])

    def _whole(self, q: int) -> float:
        """Return one cost of the choice, the constant included."""
        core, costs, choice = self.core, self.core.costs[q], self.choice
        value = costs.constant + float(costs.unary[np.arange(len(choice)), choice].sum())
        if len(core.producer):
            prices = costs.price[choice[core.producer]]
            value += float((core.carried_bytes * prices)[self._counts > 0].sum())
        return value + float(costs.given[self._given_counts > 0].sum())

    def deltas(self, block: int) -> Floats:
        """Return (costs, s): what each cost would change by, were the block at each site."""
        core, here = self.core, self.choice[block]
        alone = np.zeros(core.allowed.shape[1], dtype=np.int64)
        alone[here] = 1
        reads, given = self._reads[block], self._given_reads[block]
        firsts = self._counts[reads] - alone == 0
        given_firsts = self._given_counts[given] - alone == 0
        written = slice(int(self._wrote[block]), int(self._wrote[block + 1]))
        carried = np.where(self._counts[written] > 0, core.carried_bytes[written], 0.0).sum(axis=0)
        brought = core.carried_bytes[reads] * firsts
        origins = self.choice[core.producer[reads]]
        out = np.empty((len(core.costs), len(alone)))
        for q, costs in enumerate(core.costs):
            out[q] = costs.unary[block] + costs.price @ carried
            out[q] += (brought * costs.price[origins]).sum(axis=0) + (costs.given[given] * given_firsts).sum(axis=0)
        return out - out[:, here, None]

    def move(self, block: int, site: int, deltas: Floats) -> None:
        """Moves a block."""
        core, here = self.core, self.choice[block]
        for nets, counts in ((self._reads[block], self._counts), (self._given_reads[block], self._given_counts)):
            counts[nets, here] -= 1
            counts[nets, site] += 1
        self.hours[here] -= core.cpu_hours[block, here]
        self.hours[site] += core.cpu_hours[block, site]
        self.spent += deltas[:, site]
        self.choice[block] = site

    def is_within(self) -> bool:
        """Whether all quotas and budgets are met."""
        return not self.overdrawn().any() and not self.overspent().any()

    def overdrawn(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return sites above their quota."""
        left = self.core.quota_left
        over: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.hours > left + evaluate.TOLERANCE / 2 * np.abs(left)
        return over

    def overspent(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Budgets that are exceeded."""
        over: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.spent[1:] > self.limits * (1 + evaluate.TOLERANCE / 2)
        return over

    def _open(self, block: int, deltas: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return sites to which the block may move without making any constraint worse."""
        core = self.core
        fits = self.hours + core.cpu_hours[block] <= core.quota_left
        affordable = ((self.spent[1:, None] + deltas[1:] <= self.limits[:, None]) | (deltas[1:] <= 0)).all(axis=0)
        sites = core.allowed[block] & fits & affordable
        sites[self.choice[block]] = False
        return np.asarray(sites)

    def repair(self) -> bool:
        """Moves blocks, the cheapest way first, until quotas and budgets are met; returns whether they are."""
        for _ in range(_ROUNDS):
            if self.is_within():
                return True
            for site in np.flatnonzero(self.overdrawn()).tolist():
                self._relieve_site(site)
            for budget in np.flatnonzero(self.overspent()).tolist():
                self._relieve_budget(budget + 1)
        return self.is_within()

    def _relieve_site(self, site: int) -> None:
        here = np.flatnonzero((self.choice == site) & (self.core.cpu_hours[:, site] > 0))
        ranked = []
        for block in here.tolist():
            deltas = self.deltas(block)
            sites = np.flatnonzero(self._open(block, deltas))
            if len(sites):
                ranked.append((float(deltas[0, sites].min()) / float(self.core.cpu_hours[block, site]), block))
        for _, block in sorted(ranked):
            if not self.overdrawn()[site]:
                return
            deltas = self.deltas(block)
            sites = np.flatnonzero(self._open(block, deltas))
            if len(sites):
                self.move(block, int(sites[deltas[0, sites].argmin()]), deltas)

    def _relieve_budget(self, q: int) -> None:
        ranked = []
        for block in range(len(self.choice)):
            deltas = self.deltas(block)
            sites = np.flatnonzero(self._open(block, deltas) & (deltas[q] < 0))
            if len(sites):
                ranked.append((float((deltas[0, sites] / -deltas[q, sites]).min()), block))
        for _, block in sorted(ranked):
            if not self.overspent()[q - 1]:
                return
            deltas = self.deltas(block)
            sites = np.flatnonzero(self._open(block, deltas) & (deltas[q] < 0))
            if len(sites):
                ratio = deltas[0, sites] / -deltas[q, sites]
                self.move(block, int(sites[ratio.argmin()]), deltas)

    def improve(self, passes: int) -> None:
        """Moves one block at a time while that is cheaper and within quotas and budgets."""
        for _ in range(passes):
            moved = False
            for block in range(len(self.choice)):
                deltas = self.deltas(block)
                if deltas[0].min() >= -_GAIN * abs(self.spent[0]):
                    continue
                offered = np.where(self._open(block, deltas), deltas[0], np.inf)
                site = int(offered.argmin())
                if offered[site] < -_GAIN * abs(self.spent[0]):
                    self.move(block, site, deltas)
                    moved = True
            if not moved:
                return


def _lists(readers: Integers, starts: Integers, blocks: int) -> list[Integers]:
    """Return the nets that each block reads."""
    net_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.argsort(readers, kind="stable")
    ends = np.cumsum(np.bincount(readers, minlength=blocks))
    return np.split(net_of[order], ends[:-1])


def _counts(starts: Integers, readers: Integers, choice: Integers, sites: int) -> Integers:
    nets = len(starts) - 1
    net_of = np.repeat(np.arange(nets), np.diff(starts))
    return np.bincount(net_of * sites + choice[readers], minlength=nets * sites).reshape(nets, sites).astype(np.int64)
