"""Edges of the drawing: what tasks hand on, and data that were there before the run."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_splitter.graph import Datum, Graph
from pipeline_splitter.plan import Plan, Transfer

DATA, PARAMETER, ORDER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from one node to another.

    Attributes:
        kind: DATA, PARAMETER or ORDER: the first that applies.
        size_bytes: what is brought over it; 0 where nothing crosses, or where another edge shows that transfer.
        shared: something crosses that another reader's edge shows: it is brought once for both.
    """

    origin: str
    target: str
    kind: int
    size_bytes: float = 0.0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Stock:
    """Data at a site before the run. `name` is unique and no task's."""

    name: str
    datum: Datum
    site: str


def connect(plan: Plan, graph: Graph) -> tuple[tuple[Edge, ...], tuple[Stock, ...]]:
    """Return all edges, sorted, and the data that some of them come from."""
    site_of = {task.name: task.site for task in plan.tasks}
    transfers = {(transfer.key, transfer.target): transfer for transfer in plan.transfers}
    stocks: dict[tuple[str, str], Stock] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for task in graph.tasks.values():
        if task.name not in site_of:
            continue
        for key in task.reads:
            datum = graph.data[key]
            transfer = _transfer(datum, site_of[task.name], transfers)
            if datum.producer is None:
                site = transfer.origin if transfer else site_of[task.name]
                origin = stocks.setdefault((key, site), Stock(f"\0{key}\0{site}", datum, site)).name
            elif datum.producer in site_of:
                origin = datum.producer
            else:
                continue
            _add(edges, _brought(origin, task.name, transfer))
    for parameter in graph.parameters:
        _add(edges, Edge(parameter.producer, parameter.consumer, PARAMETER))
    for earlier, later in graph.order:
        _add(edges, Edge(earlier, later, ORDER))
    known = site_of.keys() | {stock.name for stock in stocks.values()}
    return (
        tuple(edges[pair] for pair in sorted(edges) if pair[0] in known and pair[1] in known and pair[0] != pair[1]),
        tuple(stocks[pair] for pair in sorted(stocks)),
    )


def _transfer(datum: Datum, site: str, transfers: Mapping[tuple[str, str], Transfer]) -> Transfer | None:
    found = transfers.get((datum.key, site))
    return found if found or datum.dataset is None else transfers.get((str(datum.dataset), site))


def _brought(origin: str, reader: str, transfer: Transfer | None) -> Edge:
    if transfer is None:
        return Edge(origin, reader, DATA)
    shows = not transfer.readers or transfer.readers[0] == reader
    return Edge(origin, reader, DATA, transfer.size_bytes if shows else 0.0, shared=not shows)


def _add(edges: dict[tuple[str, str], Edge], edge: Edge) -> None:
    pair = (edge.origin, edge.target)
    present = edges.get(pair)
    if present is None:
        edges[pair] = edge
    else:
        edges[pair] = Edge(
            *pair,
            min(present.kind, edge.kind),
            present.size_bytes + edge.size_bytes,
            shared=present.shared or edge.shared,
        )
