"""Passes over a core that is laid out label by label, and the best multipliers that they found."""

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.core import Core, CoreCosts
from pipeline_splitter.solving.multipliers import Multipliers
from pipeline_splitter.solving.record import Record
from pipeline_splitter.solving.smoothing import bounding, kernels, moving, sharing
from pipeline_splitter.solving.smoothing.layout import begin, lay_out

_PASSES = 30


class Smoother:
    """The state of the search; what it finds goes into a record."""

    def __init__(self, core: Core, costs: CoreCosts, record: Record, start: Multipliers) -> None:
        self.core = core
        self.record = record
        self.layout, self._places = lay_out(core, costs, record.pieces)
        self.state = begin(self.layout, self._places, start)
        self._shape = (start.messages.shape, start.given_loads.shape)
        self._best = [self.state.psi.copy(), self.state.loads.copy(), self.state.given_loads.copy()]
        self._read_piece = record.pieces[core.made.readers[self._places.read_rows]]
        self._given_piece = record.pieces[core.given.readers[self._places.given_rows]]
        self._pool = np.zeros(len(self.layout.caps))
        self._given_pool = np.zeros(len(self.layout.given_caps))
        self.focus()

    def focus(self) -> None:
        """Works on active components only from now on."""
        core, active = self.core, self.record.active
        self.todo: Integers = np.flatnonzero(active[self.record.pieces])
        shared = np.diff(core.made.starts) > 1
        self._nets = np.flatnonzero(shared & active[self.record.pieces[core.producer]])
        given = self.record.pieces[core.given.readers[core.given.starts[:-1]]]
        self._given_nets = np.flatnonzero(active[given])

    def reprice(self, unary: Floats) -> None:
        """Other costs (f, s) of blocks at sites."""
        self.layout.unary[:] = unary[self.core.allowed]

    def sweep(self, heat: Floats, pace: float, *, hard: bool = False, prove: bool = True) -> None:
        """Backward, forward, shares.

        Args:
            heat: temperature of each component.
            pace: length of the step on the shares, relative to the temperature.
            hard: messages with hard minima.
            prove: also look what the messages prove.
        """
        layout, state = self.layout, self.state
        if hard:
            moving.backward(layout, state, self.todo, self._pool, self._given_pool, False)  # noqa: FBT003
        else:
            kernels.backward(layout, state, self.todo, heat)
        kernels.forward(layout, state, self.todo, heat, hard)
        if prove:
            self.prove()
        sharing.share(
            layout,
            layout.starts,
            layout.reader,
            layout.read_at,
            layout.caps,
            state.loads,
            state.slope,
            self._pool,
            self._nets,
            pace * heat / layout.dearest,
        )
        sharing.share(
            layout,
            layout.given_starts,
            layout.given_reader,
            layout.given_at,
            layout.given_caps,
            state.given_loads,
            state.given_slope,
            self._given_pool,
            self._given_nets,
            pace * heat,
        )

    def move(self) -> None:
        """Backward and forward with hard minima, moving slack."""
        layout, state = self.layout, self.state
        moving.backward(layout, state, self.todo, self._pool, self._given_pool, True)  # noqa: FBT003
        moving.forward(layout, state, self.todo, self._pool)

    def lower(self) -> float:
        """Return the bound that the messages prove, without constants; `reduced` is by them then."""
        bounding.lower(self.layout, self.state, self.todo)
        return float(self.state.least.sum())

    def prove(self) -> None:
        """Record the bound that the messages prove."""
        self.lower()
        better = self.record.keep_bound(self.state.least, self.reduced())
        if better.any():
            for kept, now, piece in zip(
                self._best,
                (self.state.psi, self.state.loads, self.state.given_loads),
                (self._read_piece, self._read_piece, self._given_piece),
                strict=True,
            ):
                if better.all():
                    kept[:] = now
                else:
                    mine = better[piece]
                    kept[mine] = now[mine]

    def look(self) -> None:
        """Placements that the messages suggest, as good as moves of one block make them, into the record."""
        for full in (False, True):
            self.record.keep_choice(self.decoded(full=full))

    def decoded(self, *, full: bool) -> Integers:
        """Return a choice that messages suggest, improved by moves of one block; `full` as in `bounding.decode`."""
        bounding.decode(self.layout, self.state, self.todo, full)
        self.state.dirty[:] = 1
        bounding.improve(self.layout, self.state, self.todo, _PASSES)
        return self.choice()

    def choice(self) -> Integers:
        """Return the site of each block."""
        sites: Integers = self.layout.site[self.layout.first[:-1] + self.state.choice]
        return sites

    def reduced(self) -> Floats:
        """Return (f, s): what a site costs a block above its best one, by what was proven last."""
        return self._by_site(self.state.reduced)

    def likely(self) -> Floats:
        """Return (f, s): how likely a block is at a site, at the temperature of the last sweep."""
        return self._by_site(self.state.likely)

    def _by_site(self, labels: Floats) -> Floats:
        spread = np.zeros(self.core.allowed.shape)
        spread[self.core.allowed] = labels
        return spread

    def wanted(self) -> Floats:
        """Return (entries, s): what the writer of each entry is told by its reader."""
        allowed = self.core.allowed[self.layout.writer]
        spread = np.zeros(allowed.shape)
        spread[allowed] = self.state.phi
        return spread

    def best(self) -> Multipliers:
        """Return the multipliers that prove the best bounds."""
        return self._multipliers(self._best)

    def now(self) -> Multipliers:
        """Return the multipliers as they are."""
        return self._multipliers([self.state.psi, self.state.loads, self.state.given_loads])

    def _multipliers(self, values: list[Floats]) -> Multipliers:
        messages, given = self._shape
        psi, loads, given_loads = values
        places = self._places
        return Multipliers(
            _spread(psi, places.read_rows, places.read_sites, messages),
            _spread(loads, places.read_rows, places.read_sites, messages),
            _spread(given_loads, places.given_rows, places.given_sites, given),
        )


def _spread(values: Floats, rows: Integers, sites: Integers, shape: tuple[int, ...]) -> Floats:
    spread = np.zeros(shape)
    spread[rows, sites] = values
    return spread
