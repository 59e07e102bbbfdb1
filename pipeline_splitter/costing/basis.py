"""The basis of all costs, gathered once for a graph and a list of objectives."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moorage.model import Dataset, DatasetRef
from moorage.objectives import OBJECTIVES, Objective
from moorage.sites import Inventory
from pipeline_splitter.blocks import Blocks
from pipeline_splitter.costing.rates import Rates, make_rates
from pipeline_splitter.costing.sources import Origins, choose_origins
from pipeline_splitter.costing.tables import Table, tabulate
from pipeline_splitter.graph import Graph
from pipeline_splitter.problem import Integers


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that prices depend on, whatever the pipeline.

    Attributes:
        inventory: all sites.
        datasets: where the copies are.
        objectives: the whole list up to now: it decides from which copy a dataset is brought.
        kwh_per_gb: energy of the network, for 1e9 bytes.
        currency: the currency of all prices; "" where nobody names it.
    """

    inventory: Inventory
    datasets: Mapping[DatasetRef, Dataset]
    objectives: tuple[str, ...]
    kwh_per_gb: float
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """A graph and the terms, with the arrays that all costs are made from.

    Attributes:
        objectives: the list of the terms, as records.
        block_of: (t,) block of each task.
    """

    graph: Graph
    blocks: Blocks
    terms: Terms
    objectives: tuple[Objective, ...]
    table: Table
    rates: Rates
    origins: Origins
    block_of: Integers


def gather(graph: Graph, blocks: Blocks, terms: Terms) -> Basis:
    """Return the basis of all costs of one graph.

    Args:
        graph: the pipeline.
        blocks: what shares one site.
        terms: what prices depend on.

    Raises:
        InputError: a site has no slot at all.
    """
    objectives = tuple(OBJECTIVES[name] for name in terms.objectives)
    table, rates = tabulate(graph), make_rates(terms.inventory, terms.kwh_per_gb)
    origins = choose_origins(table, rates, terms.inventory, terms.datasets, objectives)
    block_of = np.array([blocks.of[name] for name in table.tasks], dtype=np.int64)
    return Basis(graph, blocks, terms, objectives, table, rates, origins, block_of)
