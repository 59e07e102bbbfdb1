"""A core as flat lists, row-major over s sites: `unary[i * s + a]`.

Entry e is one reader of one made net. `todo` lists the blocks to work on, writers before readers.

`slots` holds one message for each entry: after `forward` those to the readers (psi), after `backward` those to the
writers (phi). `loads` is what each reader carries of a crossing: bytes for made nets, cost for given ones.
"""

from typing import Any, NamedTuple

Flat = list[Any]
"""A flat list of numbers."""

BIG = 1e60
"""The cost of a site where a block may not be."""
FORBIDDEN = 1e59


class Layout(NamedTuple):
    """The constant part of a core's layout.

    Attributes:
        sites: the number of sites.
        unary: of a block at a site.
        price: the price of one byte from a to b, `price[a * s + b]`.
        turned: `turned[b * s + a]`, the same.
        inverse: 1 / price, 0 where it is 0.
        turned_inverse: likewise, turned.
        dearest: the highest price.
        wrote: nets of block i are `wrote[i]:wrote[i + 1]`.
        starts: entries of net k are `starts[k]:starts[k + 1]`.
        readers: block of each entry.
        writer: block that writes the entry's net.
        net_of: net of each entry.
        shared: 1 where the net has other readers too.
        reads: what block i reads are the entries `read_entries[reads[i]:reads[i + 1]]`.
        read_entries: see `reads`.
        caps: bytes of net k brought to site b.
        given_starts, given_readers, given_net_of, given_reads, given_entries: likewise for given nets.
        given_caps: cost of given net k at site b.
        pieces: component of each block.
        push: part of what a block knows that goes along each edge, forward.
        pull: likewise, backward.
    """

    sites: int
    unary: Flat
    price: Flat
    turned: Flat
    inverse: Flat
    turned_inverse: Flat
    dearest: float
    wrote: Flat
    starts: Flat
    readers: Flat
    writer: Flat
    net_of: Flat
    shared: Flat
    reads: Flat
    read_entries: Flat
    caps: Flat
    given_starts: Flat
    given_readers: Flat
    given_net_of: Flat
    given_reads: Flat
    given_entries: Flat
    given_caps: Flat
    pieces: Flat
    push: Flat
    pull: Flat


class State(NamedTuple):
    """The changing part: messages and loads.

    Attributes:
        slots: messages, (entries, s).
        loads: the loads of made nets, (entries, s).
        given_loads: of given nets, (given entries, s).
        pool, given_pool: what no reader carries of a net at a site.
        left, given_left: readers of a net that a pass has not seen yet.
        theta, step, needs: of one block or entry, (s,); scratch.
        reduced: what a block's site costs above its best one.
        least: of each block, what its best site costs.
        choice: site of each block.
        counts, given_counts: readers of a net at a site.
        dirty: 1 where a block may have a better site.
    """

    slots: Flat
    loads: Flat
    given_loads: Flat
    pool: Flat
    given_pool: Flat
    left: Flat
    given_left: Flat
    theta: Flat
    step: Flat
    needs: Flat
    reduced: Flat
    least: Flat
    choice: Flat
    counts: Flat
    given_counts: Flat
    dirty: Flat


def told(x: Layout, y: State, i: int) -> None:
    """Put each site's cost of block i, by its writers' messages and its loads, into `theta`."""
    sites, theta, slots, given_loads = x.sites, y.theta, y.slots, y.given_loads
    base = i * sites
    for a in range(sites):
        theta[a] = x.unary[base + a]
    for j in range(x.reads[i], x.reads[i + 1]):
        e = x.read_entries[j] * sites
        for a in range(sites):
            theta[a] += slots[e + a]
    for j in range(x.given_reads[i], x.given_reads[i + 1]):
        e = x.given_entries[j] * sites
        for a in range(sites):
            theta[a] += given_loads[e + a]
