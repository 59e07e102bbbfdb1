"""Dual ascent over a core: multipliers that prove more and more, and placements that cost less and less."""

from typing import Any

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers
from pipeline_splitter.solving.core import Core
from pipeline_splitter.solving.multipliers import even
from pipeline_splitter.solving.plain.choices import decode, improve
from pipeline_splitter.solving.plain.layout import BIG, Flat, Layout, State
from pipeline_splitter.solving.plain.passes import backward, forward
from pipeline_splitter.solving.plain.shares import bound, tilt
from pipeline_splitter.solving.record import Record

_PASSES = 30


class Ascent:
    """The state of the search."""

    def __init__(self, core: Core, record: Record) -> None:
        self.core = core
        self.costs = core.costs[0]
        self.record = record
        self.pieces = record.pieces
        self.layout = self._layout()
        self._entry_piece = self.pieces[core.made.readers]
        self._given_piece = self.pieces[core.given.readers]
        self.best = even(core, self.costs)
        self.state = self._state()
        self._focus()

    def _layout(self) -> Layout:
        core, costs = self.core, self.costs
        blocks, sites = core.allowed.shape
        # The inverse of what is smaller than a normal number may be infinite: such a price is as good as none.
        with np.errstate(divide="ignore", over="ignore"):
            inverse = np.where(costs.price >= np.finfo(np.float64).tiny, 1 / costs.price, 0.0)
        counts = np.diff(core.made.starts)
        given_counts = np.diff(core.given.starts)
        net_of = np.repeat(np.arange(len(counts)), counts)
        reads, read_entries = _by_block(core.made.readers, blocks)
        given_reads, given_entries = _by_block(core.given.readers, blocks)
        writer = core.producer[net_of]
        coming = np.diff(reads) + np.diff(given_reads)
        going = np.bincount(writer, minlength=blocks)
        part = 1 / np.maximum(1, np.maximum(coming, going))
        flat = _flat
        return Layout(
            sites=sites,
            unary=flat(np.where(core.allowed, costs.unary, BIG)),
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

    def _state(self) -> State:
        core, start = self.core, self.best
        blocks, sites = core.allowed.shape
        made, given = len(core.made.starts) - 1, len(core.given.starts) - 1
        zeros = np.zeros
        flat = _flat
        whole = np.int64
        return State(
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
        blocks = (
            np.flatnonzero(self.record.active[self.pieces]) if self.record.piece_count else np.zeros(0, dtype=np.int64)
        )
        self.todo = _flat(blocks)
        starts = self.core.given.starts[:-1]
        nets = np.flatnonzero(self.record.active[self._given_piece[starts]]) if len(starts) else starts
        self.given_todo = _flat(nets)

    def settle(self, gap: float) -> None:
        """Leaves alone the components whose gap is small enough for the whole to be within `gap`."""
        if self.record.settle(gap):
            self._focus()

    def sweep(self, *, move: bool, soft: float, eta: float, look: bool) -> None:
        """Forward, bound, shares, backward; with `look` also new choices.

        Args:
            move: also move slack between shares within the passes.
            soft: temperature, relative to the component's cost per block; 0: leave the shares.
            eta: length of the step on the shares.
            look: decode and improve.
        """
        layout, state = self.layout, self.state
        forward(layout, state, self.todo, move=move)
        bound(layout, state, self.todo)
        self._keep_bound()
        if soft > 0:
            heat = _flat(self.record.heat(soft))
            tilt(layout, state, self.todo, self.given_todo, heat, eta)
        backward(layout, state, self.todo, move=move)
        if look:
            for full in (False, True):
                decode(layout, state, self.todo, full=full)
                self._improve()

    def _improve(self) -> None:
        dirty = self.state.dirty
        for block in range(len(dirty)):
            dirty[block] = 1
        improve(self.layout, self.state, self.todo, _PASSES)
        self.record.keep_choice(np.asarray(self.state.choice, dtype=np.int64))

    def _keep_bound(self) -> None:
        """Keep the multipliers of the components that they prove more for, and drop sites that are too expensive."""
        reduced = np.asarray(self.state.reduced).reshape(self.core.allowed.shape)
        better = self.record.keep_bound(np.asarray(self.state.least), reduced)
        if better.any():
            self._copy(self.best.messages, self.state.slots, better[self._entry_piece])
            self._copy(self.best.loads, self.state.loads, better[self._entry_piece])
            self._copy(self.best.given_loads, self.state.given_loads, better[self._given_piece])

    @staticmethod
    def _copy(kept: Floats, flat: Flat, rows: Flags) -> None:
        values = np.asarray(flat).reshape(kept.shape)
        if rows.all():
            kept[:] = values
        else:
            kept[rows] = values[rows]


def _flat(values: "np.typing.NDArray[Any]") -> Flat:
    flat: Flat = np.ascontiguousarray(values).reshape(-1).tolist()
    return flat


def work(core: Core) -> int:
    """Message cells in a sweep: entries times sites of the reader, times sites."""
    return int(core.allowed.sum(axis=1)[core.made.readers].sum()) * int(core.allowed.shape[1])


def _by_block(readers: Integers, blocks: int) -> tuple[Integers, Integers]:
    starts = np.concatenate([[0], np.cumsum(np.bincount(readers, minlength=blocks))]).astype(np.int64)
    return starts, np.argsort(readers, kind="stable").astype(np.int64)
