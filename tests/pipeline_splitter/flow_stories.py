"""What the tests of flow share: a release, a dataset that declares some, small random stories."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from moorage.model import (
    Classification,
    Component,
    Dataset,
    DatasetRef,
    DatasetUse,
    Governance,
    Reader,
    Release,
    Site,
    Source,
)
from moorage.sites import Inventory
from moorage.sources.s3 import S3Source
from pipeline_splitter.graph import Graph
from tests.builders import make_site
from tests.pipeline_splitter.graphs import GraphBuilder, make_graph

NAMES = ("claims", "images")
SITES = ("eu-1", "eu-2", "us-1")
RELEASES = ("pseudonymise", "sample")
ANYTHING = Governance()


def make_release(
    name: str, yields: Governance = ANYTHING, *, ratio: float | None = None, seconds: float | None = None
) -> Release:
    """A release whose container is known by its name."""
    return Release(name, Component(f"registry/{name}", digest=digest_of(name)), yields, seconds, 1.0, ratio)


def digest_of(name: str) -> str:
    """The digest of `make_release(name)`'s container."""
    return f"digest-of-{name}"


def governed(name: str, governance: Governance, *releases: Release, at: Iterable[str] = SITES) -> Dataset:
    """A dataset with copies at those sites."""
    sources = tuple(Source(site, S3Source(f"http://s3.{site}", "bucket")) for site in at)
    return Dataset(DatasetRef("steward", name), sources, replace(governance, releases=releases))


def known(*datasets: Dataset) -> dict[DatasetRef, Dataset]:
    """By identity."""
    return {dataset.ref: dataset for dataset in datasets}


def mounting(*refs: DatasetRef) -> tuple[DatasetUse, ...]:
    """Labels that make a task read datasets."""
    return tuple(DatasetUse(index, ref) for index, ref in enumerate(refs))


PLACES = st.frozensets(st.sampled_from(["EU", "DE", "FR", "US"]), min_size=1, max_size=2)
RULES = st.builds(
    Governance,
    classification=st.sampled_from(Classification),
    residency=st.none() | PLACES,
    sites_allow=st.none() | st.frozensets(st.sampled_from(SITES), min_size=1),
    sites_deny=st.frozensets(st.sampled_from(SITES), max_size=1),
    purposes=st.none() | st.frozensets(st.sampled_from(["care", "research"]), min_size=1),
    consumers=st.none() | st.frozensets(st.sampled_from(["steward", "steward/trainer", "lab"]), min_size=1),
    confidential_compute=st.booleans(),
)
WEAK = st.builds(
    Governance,
    classification=st.sampled_from([Classification.PUBLIC, Classification.INTERNAL]),
    residency=st.none() | PLACES,
    consumers=st.none() | st.just(frozenset({"steward", "lab"})),
)
GENTLE = st.builds(
    Governance,
    classification=st.sampled_from([Classification.PUBLIC, Classification.CONFIDENTIAL, Classification.RESTRICTED]),
    sites_deny=st.frozensets(st.sampled_from(SITES), max_size=2),
    consumers=st.just(frozenset({"steward", "lab"})),
)
"""Rules that no reader is refused by, at some sites."""
READERS = st.builds(
    Reader,
    st.sampled_from(["steward", "lab"]),
    st.sampled_from(["trainer", "default"]),
    st.sampled_from(["care", "research", None]),
)
INVENTORY = Inventory.of(
    [
        make_site("eu-1", "DE", clearance=Classification.RESTRICTED),
        make_site("eu-2", "FR", clearance=Classification.CONFIDENTIAL, confidential_compute=True),
        make_site("us-1", "US-CA"),
    ]
)


@dataclass(frozen=True)
class Story:
    """A graph with all that decides where its tasks may be."""

    graph: Graph
    datasets: Mapping[DatasetRef, Dataset]
    inventory: Inventory = INVENTORY


@st.composite
def stories(draw: st.DrawFn, rules: st.SearchStrategy[Governance] = RULES, *, tasks: int = 4) -> Story:
    """A few tasks in a row or in branches, two datasets, releases that some readers accept."""
    datasets = known(
        *(
            governed(
                name,
                draw(rules),
                *(
                    make_release(release, draw(WEAK), ratio=draw(st.sampled_from([None, 0.25, 1.0, 2.0])))
                    for release in RELEASES
                ),
            )
            for name in NAMES
        )
    )
    forms = [(ref, release) for ref in sorted(datasets) for release in RELEASES]
    builder: GraphBuilder = make_graph()
    for ref in sorted(datasets):
        builder = builder.dataset(ref, draw(st.integers(1, 9)) * 1e9)
    keys: list[str] = []
    for index in range(draw(st.integers(1, tasks))):
        name = f"t{index}"
        mounted = draw(st.lists(st.sampled_from(sorted(datasets)), max_size=1))
        # What others put out comes first: shrinking and chance both favour pipelines over heaps of tasks.
        readable = [*reversed(keys), *map(str, datasets)]
        reads = draw(
            st.lists(st.sampled_from(readable), min_size=draw(st.sampled_from([1, 1, 0])), max_size=2, unique=True)
        )
        builder = builder.task(
            name,
            reads=[key for key in reads if key not in {str(ref) for ref in mounted}],
            writes={"out": draw(st.integers(1, 9)) * 1e9},
            uses=mounting(*mounted),
            reader=draw(READERS),
            accepts=draw(st.lists(st.sampled_from(forms), min_size=draw(st.sampled_from([2, 0])), max_size=4)),
        )
        keys.append(f"{name}.out")
    return Story(builder.obj(), datasets)


def sites(*names: str, **fields: object) -> Inventory:
    """Sites that offer everything."""
    return Inventory.of([open_site(name, **fields) for name in names])


def open_site(name: str, **fields: object) -> Site:
    """A site that everything may be read at."""
    return make_site(name, "DE", **{"clearance": Classification.RESTRICTED, "confidential_compute": True, **fields})
