"""A core as flat arrays over the sites that each block may be at, and no others.

A *label* is one site of one block: labels of block i are `first[i]:first[i + 1]`, in order of site. Entry e is one
reader of one made net; what is said of an entry is said once for each label of its reader (`read_at`) or of its writer
(`write_at`).
"""

from typing import Any, NamedTuple

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers
from pipeline_splitter.solving.core import Core, CoreCosts
from pipeline_splitter.solving.multipliers import Multipliers

_SAME = 1e-12


class Layout(NamedTuple):
    """The constant part of a core's layout.

    Attributes:
        sites: the number of sites.
        first: labels of block i are `first[i]:first[i + 1]`.
        site: the site of each label.
        unary: of each label.
        price: the price of one byte from a to b, `price[a * s + b]`.
        prices_at: of block i, with w labels, `entry_price[prices_at[i] + a * w + k]` is the price from site a to its
            label k, and `exit_price[prices_at[i] + b * w + k]` that from its label k to site b: as loops want them.
        leaving, entering: where `apart`: what a byte pays besides at both ends, `leaving[a] + entering[b]`, a and b
            being different.
        dearest: the highest price; 1 where all are 0.
        wrote: nets of block i are `wrote[i]:wrote[i + 1]`.
        starts: entries of net k are `starts[k]:starts[k + 1]`.
        reader, writer, net_of: of each entry.
        plain: 1 where the price of an entry falls apart into both ends whatever its reader carries.
        read_at, write_at: where the entry's values begin, over labels of its reader, of its writer.
        reads: what block i reads are the entries `read_entries[reads[i]:reads[i + 1]]`.
        caps: bytes of net k brought to site b, `caps[k * s + b]`.
        given_starts, given_reader, given_net_of, given_at, given_reads, given_entries: likewise for given nets.
        given_caps: cost of given net k at site b.
        pieces: component of each block.
        part: of what a block knows, what goes along each edge.
    """

    sites: int
    first: Integers
    site: Integers
    unary: Floats
    price: Floats
    prices_at: Integers
    entry_price: Floats
    exit_price: Floats
    leaving: Floats
    entering: Floats
    dearest: float
    wrote: Integers
    starts: Integers
    reader: Integers
    writer: Integers
    net_of: Integers
    plain: Integers
    read_at: Integers
    write_at: Integers
    reads: Integers
    read_entries: Integers
    caps: Floats
    given_starts: Integers
    given_reader: Integers
    given_net_of: Integers
    given_at: Integers
    given_reads: Integers
    given_entries: Integers
    given_caps: Floats
    pieces: Integers
    part: Floats


class State(NamedTuple):
    """The changing part: messages and loads.

    Attributes:
        psi: messages to readers, over labels of the reader.
        phi: messages to writers, over labels of the writer.
        loads: bytes of a crossing that a reader carries, over its labels.
        given_loads: likewise for given nets, what they cost.
        slope, given_slope: how much the bound gains where a reader carries more, relative to the highest price.
        likely: how likely a label is, at the temperature of the last pass.
        reduced: what a label costs above the best one of its block.
        least: of each block, what its best label costs.
        choice: label of each block, counted within the block.
        counts, given_counts: readers of a net at a site.
        dirty: 1 where a block may have a better site.
    """

    psi: Floats
    phi: Floats
    loads: Floats
    given_loads: Floats
    slope: Floats
    given_slope: Floats
    likely: Floats
    reduced: Floats
    least: Floats
    choice: Integers
    counts: Integers
    given_counts: Integers
    dirty: Integers


class Places(NamedTuple):
    """The rows and columns of the flat values over labels in arrays over all sites."""

    read_rows: Integers
    read_sites: Integers
    given_rows: Integers
    given_sites: Integers


def lay_out(core: Core, costs: CoreCosts, pieces: Integers) -> tuple[Layout, Places]:
    """Return the arrays of a core under one of its costs."""
    blocks, sites = core.allowed.shape
    _, site = np.nonzero(core.allowed)
    width = core.allowed.sum(axis=1)
    first = _starts(width)
    counts = np.diff(core.made.starts)
    net_of = np.repeat(np.arange(len(counts)), counts)
    writer = core.producer[net_of]
    reads, read_entries = _by_block(core.made.readers, blocks)
    given_reads, given_entries = _by_block(core.given.readers, blocks)
    coming = np.diff(reads) + np.diff(given_reads)
    going = np.bincount(writer, minlength=blocks)
    read_at, read_rows, read_sites = _over_labels(core.made.readers, first, site)
    given_at, given_rows, given_sites = _over_labels(core.given.readers, first, site)
    leaving, entering, apart = _apart(costs.price)
    prices_at, entry_price, exit_price = _side_by_side(core.allowed, costs.price)
    layout = Layout(
        sites=sites,
        first=first,
        site=site.astype(np.int64),
        unary=costs.unary[core.allowed],
        price=np.ascontiguousarray(costs.price).reshape(-1),
        prices_at=prices_at,
        entry_price=entry_price,
        exit_price=exit_price,
        leaving=leaving,
        entering=entering,
        dearest=float(costs.price.max()) or 1.0,
        wrote=np.searchsorted(core.producer, np.arange(blocks + 1)).astype(np.int64),
        starts=core.made.starts,
        reader=core.made.readers,
        writer=writer,
        net_of=net_of,
        plain=_plain(core, counts, net_of, leaving=leaving, apart=apart),
        read_at=read_at,
        write_at=_starts(width[writer]),
        reads=reads,
        read_entries=read_entries,
        caps=np.ascontiguousarray(core.carried_bytes).reshape(-1),
        given_starts=core.given.starts,
        given_reader=core.given.readers,
        given_net_of=np.repeat(np.arange(len(core.given.starts) - 1), np.diff(core.given.starts)),
        given_at=given_at,
        given_reads=given_reads,
        given_entries=given_entries,
        given_caps=np.ascontiguousarray(costs.given).reshape(-1),
        pieces=pieces,
        part=1 / np.maximum(1, np.maximum(coming, going)),
    )
    return layout, Places(read_rows, read_sites, given_rows, given_sites)


def begin(layout: Layout, places: Places, start: Multipliers) -> State:
    """Return the state that stands for these multipliers."""
    blocks, labels = len(layout.pieces), len(layout.site)
    made, given = len(layout.starts) - 1, len(layout.given_starts) - 1

    def zeros(count: int) -> Any:  # noqa: ANN401  # an array of any kind
        return np.zeros(count)

    return State(
        psi=start.messages[places.read_rows, places.read_sites],
        phi=zeros(int(layout.write_at[-1])),
        loads=start.loads[places.read_rows, places.read_sites],
        given_loads=start.given_loads[places.given_rows, places.given_sites],
        slope=zeros(int(layout.read_at[-1])),
        given_slope=zeros(int(layout.given_at[-1])),
        likely=zeros(labels),
        reduced=zeros(labels),
        least=zeros(blocks),
        choice=np.zeros(blocks, dtype=np.int64),
        counts=np.zeros(made * layout.sites, dtype=np.int64),
        given_counts=np.zeros(given * layout.sites, dtype=np.int64),
        dirty=np.ones(blocks, dtype=np.int64),
    )


def _side_by_side(allowed: Flags, price: Floats) -> tuple[Integers, Floats, Floats]:
    """Return prices to and from the labels of each block; blocks with the same sites share them."""
    _, first, of = np.unique(np.packbits(allowed, axis=1), axis=0, return_index=True, return_inverse=True)
    kinds = allowed[first]
    sizes = kinds.sum(axis=1) * len(price)
    entry = [price[:, kind].ravel() for kind in kinds]
    leave = [price.T[:, kind].ravel() for kind in kinds]
    empty = np.zeros(0)
    return _starts(sizes)[of.reshape(-1)], np.concatenate([empty, *entry]), np.concatenate([empty, *leave])


def _apart(price: Floats) -> tuple[Floats, Floats, bool]:
    """Split prices into a part for the site that is left and one for the site that is entered, where they are sums."""
    sites = len(price)
    nothing = np.zeros(sites)
    if sites < 3:  # noqa: PLR2004  # with fewer there is nothing to gain
        return nothing, nothing, False
    away = ~np.eye(sites, dtype=bool)
    # With leaving[0] = 0: entering[b] = price[0, b], leaving[a] = price[a, 1] - entering[1], and entering[0] from any.
    leaving = price[:, 1] - price[0, 1]
    leaving[1] = price[1, 2] - price[0, 2]
    leaving[0] = 0.0
    entering = price[0].copy()
    entering[0] = price[1, 0] - leaving[1]
    spare = min(0.0, float(leaving.min()))
    leaving, entering = leaving - spare, entering + spare
    told = leaving[:, None] + entering[None, :]
    apart = bool((np.abs(told - price)[away] <= _SAME * max(float(price.max()), 1e-300)).all())
    return leaving, entering, apart


def _plain(core: Core, counts: Integers, net_of: Integers, *, leaving: Floats, apart: bool) -> Integers:
    """Entries whose crossing costs fall apart: prices do, and either leaving is free or every site carries the same."""
    if not apart:
        return np.zeros(len(net_of), dtype=np.int64)
    if not leaving.any():
        return np.ones(len(net_of), dtype=np.int64)
    reachable = core.allowed[core.made.readers]
    carried = core.carried_bytes[net_of]
    most = np.where(reachable, carried, -np.inf).max(axis=1, initial=-np.inf)
    least = np.where(reachable, carried, np.inf).min(axis=1, initial=np.inf)
    plain: Integers = ((counts[net_of] == 1) & (most == least)).astype(np.int64)
    return plain


def _starts(counts: Any) -> Integers:  # noqa: ANN401  # integers of any width
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _over_labels(readers: Integers, first: Integers, site: Integers) -> tuple[Integers, Integers, Integers]:
    """Return each entry's beginning over labels of its reader; entry and site of each value."""
    width = np.diff(first)[readers]
    at = _starts(width)
    rows = np.repeat(np.arange(len(readers)), width)
    sites: Integers = site[first[readers][rows] + np.arange(len(rows)) - at[:-1][rows]].astype(np.int64)
    return at, rows, sites


def _by_block(readers: Integers, blocks: int) -> tuple[Integers, Integers]:
    starts = _starts(np.bincount(readers, minlength=blocks))
    return starts, np.argsort(readers, kind="stable").astype(np.int64)
