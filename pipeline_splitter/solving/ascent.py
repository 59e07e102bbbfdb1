"""Dual ascent over a core: multipliers that prove more and more, and placements that cost less and less."""

from typing import Any

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving import kernel_choice, kernels
from pipeline_splitter.solving.core import Core, CoreCosts
from pipeline_splitter.solving.multipliers import Multipliers, even
from pipeline_splitter.solving.record import Record


class Ascent:
    """The state of the search."""

    def __init__(
        self,
        core: Core,
        costs: CoreCosts,
        *,
        start: Multipliers | None = None,
        record: Record | None = None,
        compile_it: bool | None = None,
    ) -> None:
        self.core = core
        self.costs = costs
        large = work(core) >= kernel_choice.COMPILE_FROM if compile_it is None else compile_it
        self.kernels = kernel_choice.compiled() if large else kernel_choice.plain()
        self.record = record or Record(core, costs)
        self.pieces = self.record.pieces
        self.layout = self._layout()
        self._entry_piece = self.pieces[core.made.readers]
        self._given_piece = self.pieces[core.given.readers]
        self.best = start or even(core, costs)
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
        blocks = (
            np.flatnonzero(self.record.active[self.pieces]) if self.record.piece_count else np.zeros(0, dtype=np.int64)
        )
        self.todo = self._flat(blocks)
        self.everything = self._flat(np.arange(len(self.pieces)))
        starts = self.core.given.starts[:-1]
        nets = np.flatnonzero(self.record.active[self._given_piece[starts]]) if len(starts) else starts
        self.given_todo = self._flat(nets)

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
        run, layout, state = self.kernels, self.layout, self.state
        run.forward(layout, state, self.todo, move=move)
        run.bound(layout, state, self.todo)
        self._keep_bound()
        if soft > 0:
            heat = self._flat(self.record.heat(soft))
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
        return self._flat(np.full(self.record.piece_count, max(heat, 1e-290)))

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
        self.record.keep_choice(np.asarray(self.state.choice, dtype=np.int64))

    def _keep_bound(self) -> None:
        """Keeps the multipliers of the components that they prove more for, and forgets sites that are too dear."""
        reduced = np.asarray(self.state.reduced).reshape(self.core.allowed.shape)
        better = self.record.keep_bound(np.asarray(self.state.least), reduced)
        if better.any():
            self._copy(self.best.messages, self.state.slots, better[self._entry_piece])
            self._copy(self.best.loads, self.state.loads, better[self._entry_piece])
            self._copy(self.best.given_loads, self.state.given_loads, better[self._given_piece])

    @staticmethod
    def _copy(kept: Floats, flat: Any, rows: "np.typing.NDArray[np.bool_]") -> None:  # noqa: ANN401  # list or array
        values = np.asarray(flat).reshape(kept.shape)
        if rows.all():
            kept[:] = values
        else:
            kept[rows] = values[rows]


def work(core: Core) -> int:
    """Message cells in a sweep: entries times sites of the reader, times sites."""
    return int(core.allowed.sum(axis=1)[core.made.readers].sum()) * int(core.allowed.shape[1])


def _by_block(readers: Integers, blocks: int) -> tuple[Integers, Integers]:
    starts = np.concatenate([[0], np.cumsum(np.bincount(readers, minlength=blocks))]).astype(np.int64)
    return starts, np.argsort(readers, kind="stable").astype(np.int64)
