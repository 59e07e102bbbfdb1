"""Dual ascent over a core: multipliers that prove more and more, and placements that cost less and less.

Components (parts of the core that share no net) are followed one by one: each keeps the best multipliers and the best
choice that were seen for it, and is left alone once its own gap is small enough.
"""

import math
from typing import Any

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving import kernel_choice, kernels
from pipeline_splitter.solving.core import Core, CoreCosts
from pipeline_splitter.solving.multipliers import Multipliers


class Ascent:
    """The state of the search."""

    def __init__(self, core: Core, costs: CoreCosts, *, start: Multipliers | None = None) -> None:
        blocks, sites = core.allowed.shape
        self.core = core
        self.costs = costs
        work = int(core.allowed.sum(axis=1)[core.made.readers].sum()) * sites
        self.kernels = kernel_choice.compiled() if work >= kernel_choice.COMPILE_FROM else kernel_choice.plain()
        self.pieces = components(core)
        self.piece_count = int(self.pieces.max(initial=-1)) + 1
        self.layout = self._layout()
        self._entry_piece = self.pieces[core.made.readers]
        self._given_piece = self.pieces[core.given.readers]
        self.best_bound = np.full(self.piece_count, -math.inf)
        self.best_value = np.full(self.piece_count, math.inf)
        self.best_choice = np.zeros(blocks, dtype=np.int64)
        self.active = np.ones(self.piece_count, dtype=bool)
        self.dead = ~core.allowed
        self.best = start or self._even()
        self.state = self._state(self.best)
        self._focus()

    def _flat(self, values: "np.typing.NDArray[Any]") -> Any:  # noqa: ANN401  # a list or an array
        flat = np.ascontiguousarray(values).reshape(-1)
        return flat.copy() if self.kernels.compiled else flat.tolist()

    def _layout(self) -> kernels.Layout:
        core, costs = self.core, self.costs
        blocks, sites = core.allowed.shape
        with np.errstate(divide="ignore"):
            inverse = np.where(costs.price > 0, 1 / costs.price, 0.0)
        counts = np.diff(core.made.starts)
        given_counts = np.diff(core.given.starts)
        net_of = np.repeat(np.arange(len(counts)), counts)
        reads, read_entries = _by_block(core.made.readers, blocks)
        given_reads, given_entries = _by_block(core.given.readers, blocks)
        writer = core.producer[net_of]
        coming = np.diff(reads) + np.diff(given_reads)
        going = np.bincount(writer, minlength=blocks)
        part = 1 / np.maximum(1, np.maximum(coming, going))
        flat = self._flat
        return kernels.Layout(
            sites=sites,
            unary=flat(np.where(core.allowed, costs.unary, kernels.BIG)),
            price=flat(costs.price),
            turned=flat(costs.price.T),
            inverse=flat(inverse),
            turned_inverse=flat(inverse.T),
            dearest=max(float(costs.price.max()), 1e-300),
            wrote=flat(np.searchsorted(core.producer, np.arange(blocks + 1)).astype(np.int64)),
            starts=flat(core.made.starts),
            readers=flat(core.made.readers),
            writer=flat(writer),
            net_of=flat(net_of),
            shared=flat((counts > 1)[net_of].astype(np.int64)),
            reads=flat(reads),
            read_entries=flat(read_entries),
            caps=flat(core.carried_bytes),
            given_starts=flat(core.given.starts),
            given_readers=flat(core.given.readers),
            given_net_of=flat(np.repeat(np.arange(len(given_counts)), given_counts)),
            given_reads=flat(given_reads),
            given_entries=flat(given_entries),
            given_caps=flat(costs.given),
            pieces=flat(self.pieces),
            push=flat(part),
            pull=flat(part),
        )

    def _even(self) -> Multipliers:
        """Everybody who may be at a site carries the same part."""
        core = self.core
        return Multipliers(
            np.zeros((len(core.made.readers), core.allowed.shape[1])),
            _even(core.allowed, core.made.starts, core.made.readers, core.carried_bytes),
            _even(core.allowed, core.given.starts, core.given.readers, self.costs.given),
        )

    def _state(self, start: Multipliers) -> kernels.State:
        core = self.core
        blocks, sites = core.allowed.shape
        made, given = len(core.made.starts) - 1, len(core.given.starts) - 1
        zeros = np.zeros
        flat = self._flat
        whole = np.int64
        return kernels.State(
            slots=flat(start.messages),
            loads=flat(start.loads),
            given_loads=flat(start.given_loads),
            pool=flat(zeros(made * sites)),
            given_pool=flat(zeros(given * sites)),
            left=flat(zeros(made, dtype=whole)),
            given_left=flat(zeros(given, dtype=whole)),
            theta=flat(zeros(sites)),
            step=flat(zeros(sites)),
            needs=flat(zeros(sites)),
            reduced=flat(zeros(blocks * sites)),
            least=flat(zeros(blocks)),
            choice=flat(zeros(blocks, dtype=whole)),
            counts=flat(zeros(made * sites, dtype=whole)),
            given_counts=flat(zeros(given * sites, dtype=whole)),
            dirty=flat(zeros(blocks, dtype=whole)),
        )

    def _focus(self) -> None:
        """Works on active components only from now on."""
        blocks = np.flatnonzero(self.active[self.pieces]) if self.piece_count else np.zeros(0, dtype=np.int64)
        self.todo = self._flat(blocks)
        self.everything = self._flat(np.arange(len(self.pieces)))
        starts = self.core.given.starts[:-1]
        nets = np.flatnonzero(self.active[self._given_piece[starts]]) if len(starts) else starts
        self.given_todo = self._flat(nets)

    def settle(self, gap: float) -> None:
        """Leaves alone the components whose gap is small enough for the whole to be within `gap`."""
        value = self.best_value
        part = np.bincount(self.pieces, minlength=self.piece_count) / max(1, len(self.pieces))
        total = abs(self.value)
        enough = gap / 2 * (np.abs(value) + part * total)
        active = ~(value - self.best_bound <= enough)
        if (active != self.active).any():
            self.active = active
            self._focus()

    @property
    def value(self) -> float:
        """Cost of the best choice, the constant included."""
        return float(self.best_value.sum()) + self.costs.constant

    @property
    def bound(self) -> float:
        """What the best multipliers prove (rounding apart), the constant included."""
        return float(self.best_bound.sum()) + self.costs.constant

    @property
    def gap(self) -> float:
        """Relative."""
        value, bound = self.value, self.bound
        return 0.0 if value <= bound else (value - bound) / abs(value) if value else math.inf

    def sweep(self, *, move: bool, soft: float, eta: float, look: bool) -> None:
        """Forward, bound, shares, backward; with `look` also new choices.

        Args:
            move: also move slack between shares within the passes.
            soft: temperature, relative to the component's cost per block; 0: leave the shares.
            eta: length of the step on the shares.
            look: decode and improve.
        """
        run, layout, state = self.kernels, self.layout, self.state
        run.forward(layout, state, self.todo, move=move)
        run.bound(layout, state, self.todo)
        self._keep_bound()
        if soft > 0:
            scale = np.where(np.isfinite(self.best_value), np.abs(self.best_value), np.abs(self.best_bound))
            size = np.maximum(1, np.bincount(self.pieces, minlength=self.piece_count))
            heat = self._flat(np.maximum(soft * scale / size, 1e-290))
            run.tilt(layout, state, self.todo, self.given_todo, heat, eta)
        run.backward(layout, state, self.todo, move=move)
        if look:
            for full in (False, True):
                run.decode(layout, state, self.todo, full=full)
                self._improve()

    def reduced(self) -> tuple[Floats, float]:
        """What each block's site costs above its best one under the multipliers of the start, and their bound."""
        self.kernels.bound(self.layout, self.state, self.everything)
        reduced = np.asarray(self.state.reduced, dtype=np.float64).reshape(self.core.allowed.shape)
        return reduced, float(np.asarray(self.state.least).sum()) + self.costs.constant

    def snapshot(self) -> Multipliers:
        """The multipliers as they are now, after `forward`."""
        best, state = self.best, self.state
        return Multipliers(
            *(
                np.array(flat, dtype=np.float64).reshape(like.shape)
                for flat, like in (
                    (state.slots, best.messages),
                    (state.loads, best.loads),
                    (state.given_loads, best.given_loads),
                )
            )
        )

    def heated(self, heat: float) -> Any:  # noqa: ANN401  # a list or an array
        """The same temperature for each component."""
        return self._flat(np.full(self.piece_count, max(heat, 1e-290)))

    def reprice(self, unary: Floats) -> None:
        """Other costs of blocks at sites."""
        self.layout.unary[:] = self._flat(np.where(self.core.allowed, unary, kernels.BIG))

    def decoded(self, *, full: bool) -> Integers:
        """A choice, after `backward`, as good as moves of one block make it."""
        self.kernels.decode(self.layout, self.state, self.everything, full=full)
        self._improve()
        return np.array(self.state.choice, dtype=np.int64)

    def _improve(self) -> None:
        dirty = self.state.dirty
        for block in range(len(dirty)):
            dirty[block] = 1
        self.kernels.improve(self.layout, self.state, self.todo, 30)
        self.keep_choice(np.asarray(self.state.choice, dtype=np.int64))

    def keep_choice(self, choice: Integers) -> None:
        """Keeps a choice where it is the cheapest seen for a component."""
        value = self.values(choice)
        better = self.active & (value < self.best_value)
        if better.any():
            self.best_value[better] = value[better]
            mine = better[self.pieces]
            self.best_choice[mine] = choice[mine]

    def values(self, choice: Integers) -> Floats:
        """What a choice costs in each component."""
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

    def _keep_bound(self) -> None:
        """Keeps the multipliers of the components that they prove more for, and forgets sites that are too dear."""
        least = np.asarray(self.state.least)
        bound = np.bincount(self.pieces, least, minlength=self.piece_count)
        better = self.active & (bound > self.best_bound)
        if better.any():
            self.best_bound[better] = bound[better]
            self._copy(self.best.messages, self.state.slots, better[self._entry_piece])
            self._copy(self.best.loads, self.state.loads, better[self._entry_piece])
            self._copy(self.best.given_loads, self.state.given_loads, better[self._given_piece])
        slack = (self.best_value - bound)[self.pieces]
        slack += 1e-9 * np.abs(self.best_value)[self.pieces]
        mine = self.active[self.pieces] & np.isfinite(slack)
        reduced = np.asarray(self.state.reduced).reshape(self.core.allowed.shape)
        self.dead[mine] |= reduced[mine] > slack[mine, None]

    @staticmethod
    def _copy(kept: Floats, flat: Any, rows: "np.typing.NDArray[np.bool_]") -> None:  # noqa: ANN401  # list or array
        values = np.asarray(flat).reshape(kept.shape)
        if rows.all():
            kept[:] = values
        else:
            kept[rows] = values[rows]


def components(core: Core) -> Integers:
    """The component of each free block, numbered in order of first appearance."""
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


def _by_block(readers: Integers, blocks: int) -> tuple[Integers, Integers]:
    starts = np.concatenate([[0], np.cumsum(np.bincount(readers, minlength=blocks))]).astype(np.int64)
    return starts, np.argsort(readers, kind="stable").astype(np.int64)


def _even(allowed: "np.typing.NDArray[np.bool_]", starts: Integers, readers: Integers, caps: Floats) -> Floats:
    counts = np.diff(starts)
    net_of = np.repeat(np.arange(len(counts)), counts)
    able = allowed[readers]
    sums = np.add.reduceat(able, starts[:-1], axis=0, dtype=np.int64) if len(readers) else caps
    return np.where(able, (caps / np.maximum(1, sums))[net_of], 0.0)
