"""Small random pipelines with sites, datasets and a placement, for properties."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from moorage.model import Dataset, DatasetRef, Link
from moorage.sites import Inventory
from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.costing import Basis, Terms, gather
from pipeline_splitter.graph import Graph
from tests.builders import make_dataset, make_site
from tests.pipeline_splitter.graphs import make_graph

KWH_PER_GB = 0.03
SITE_NAMES = ("eu-1", "ap-1", "eu-10", "us-1")
TASK_NAMES = ("h", "a", "g/x", "b", "f", "c10", "c9", "d")
SIZES = st.sampled_from([1e9, 1e6, 3.3e8, 7e9, 0.0])


@dataclass(frozen=True)
class Scene:
    """What a plan is made of, and one placement of it (blocks stay together)."""

    graph: Graph
    inventory: Inventory
    datasets: Mapping[DatasetRef, Dataset]
    site_of: Mapping[str, str]

    def upside_down(self) -> "Scene":
        """The same, with everything in the opposite order."""
        graph = replace(
            self.graph,
            tasks=dict(reversed(list(self.graph.tasks.items()))),
            data=dict(reversed(list(self.graph.data.items()))),
            parameters=self.graph.parameters[::-1],
            together=self.graph.together[::-1],
        )
        datasets = {
            ref: replace(dataset, sources=dataset.sources[::-1])
            for ref, dataset in reversed(list(self.datasets.items()))
        }
        inventory = Inventory(dict(reversed(list(self.inventory.sites.items()))))
        return Scene(graph, inventory, datasets, dict(reversed(list(self.site_of.items()))))

    def basis(self, *objectives: str) -> Basis:
        """What all costs are computed from, by these objectives."""
        return basis_of(self.graph, self.inventory, self.datasets, *objectives)

    def permitted(self) -> dict[str, frozenset[str]]:
        """Everything everywhere."""
        return dict.fromkeys(self.graph.tasks, frozenset(self.inventory.sites))


def basis_of(graph: Graph, inventory: Inventory, datasets: Mapping[DatasetRef, Dataset], *objectives: str) -> Basis:
    """The basis of a graph, with what the network takes by default."""
    return gather(graph, make_blocks(graph), Terms(inventory, datasets, objectives, KWH_PER_GB))


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """One to four sites, with links of their own, default links and the constants."""
    names = draw(st.permutations(SITE_NAMES))[: draw(st.sampled_from([2, 3, 4, 1]))]
    field = st.sampled_from([None, 0.09, 0.02, 0.0])
    link = st.builds(Link, st.sampled_from([None, 1e6, 125e6]), field, field)
    return Inventory.of(
        make_site(
            name,
            speed=draw(st.sampled_from([0.5, 1.0, 3.0])),
            cpu_hour_price=draw(st.sampled_from([0.05, 0.1, 0.0])),
            carbon_grams_per_kwh=draw(st.sampled_from([100.0, 410.0, 0.0])),
            cpu_watts=draw(st.sampled_from([12.0, 0.0])),
            slots=draw(st.sampled_from([1, 2, None])),
            quota_cpu_hours=draw(st.sampled_from([None, 0.05, 5.0])),
            links={other: draw(link) for other in names if other != name and draw(st.booleans())},
            default_link=draw(link),
        )
        for name in names
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Up to eight tasks in an order that is not that of their names; reads, parameters, order edges, ties."""
    inventory = draw(inventories())
    site = st.sampled_from(sorted(inventory.sites))
    datasets = {}
    builder = make_graph()
    for index in range(draw(st.integers(0, 3))):
        sources = draw(st.lists(site, min_size=1, unique=True))
        dataset = make_dataset(f"d{index}").at(*sources, "elsewhere").obj()
        datasets[dataset.ref] = dataset
        builder = builder.dataset(dataset.ref, draw(SIZES))
        if draw(st.booleans()):
            builder = builder.dataset(dataset.ref, draw(SIZES), key=f"input-{index}")
    names = draw(st.permutations(TASK_NAMES))[: draw(st.sampled_from([8, 5, 6, 7, 3, 2, 1, 0]))]
    for name in names:
        keys = sorted(builder.graph.data)
        builder = builder.task(
            name,
            reads=draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4, unique=True)) if keys else (),
            writes={f"o{output}": draw(SIZES) for output in range(draw(st.sampled_from([1, 2, 0])))},
            seconds=draw(st.sampled_from([7.0, 60.0, 3600.0, 0.0])),
            cpu=draw(st.sampled_from([0.5, 1.0, 4.0])),
        )
    if len(names) > 1:
        pair = st.lists(st.integers(0, len(names) - 1), min_size=2, max_size=2, unique=True).map(sorted)
        bonds = st.tuples(st.sampled_from(["ties", "order", "value"]), pair)
        for kind, (one, other) in draw(st.lists(bonds, max_size=4)):
            earlier, later = names[one], names[other]
            if kind == "ties":
                builder = builder.together(earlier, later)
            else:
                builder = builder.order(earlier, later) if kind == "order" else builder.parameter(earlier, later)
    graph = builder.obj()
    site_of = {name: chosen for names in make_blocks(graph).members for chosen in [draw(site)] for name in names}
    return Scene(graph, inventory, datasets, site_of)
