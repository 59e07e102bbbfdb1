"""A day, drawn by seed. Pure.

- **Sites**: ten. Three hold most data and have a tenth of the nodes; the others have the rest in equal parts.
- **Nodes**: four slots for pods each, and 500 GB for copies. All of it is empty at midnight.
- **Links**: 60 to 600 MB/s for each reader, 10 to 60 ms.
- **Datasets**: one for five nodes; log-normal sizes, 20 GB in the middle, 400 GB at most. Four of five lie at a site
  that holds most data, one in ten has a second copy elsewhere. How often they are read goes by Zipf's law (exponent
  0.9).
- **Jobs**: at noon five times as many as at midnight, until three fifths of all slots are taken on average. The pods of
  a job (1 to 64, and n of them in a share of 1 / n^2) come together and read one dataset, as a whole; in one job of
  five, five times over. They compute for two hours in the middle (log-normal), beside reading.

Nothing is governed: a rule that forbids a site takes a choice from all ways of placing alike.
"""

import math
from dataclasses import dataclass

import numpy as np

from moorage.model import SITE_LABEL, Dataset, DatasetRef, DatasetStatus, Link, Site, Source
from moorage.sites import Inventory
from moorage.sources.s3 import S3Source

DAY_SECONDS = 86_400.0
SLOTS = 4
CACHE_BYTES = 500 * 10**9
_SITES, _LAKES = 10, 3
_LAKES_SHARE_OF_NODES, _LAKES_SHARE_OF_DATA = 0.1, 0.8
_TAKEN_SLOTS = 0.6
_MEDIAN_BYTES, _MOST_BYTES, _SPREAD_OF_BYTES = 20e9, 400e9, 1.2
_MEDIAN_SECONDS, _MOST_SECONDS, _SPREAD_OF_SECONDS = 7200.0, 36_000.0, 0.6
_MOST_PODS = 64


@dataclass(frozen=True, slots=True)
class Job:
    """Pods that come together.

    Attributes:
        reads: how often each pod reads the whole dataset.
    """

    at_seconds: float
    dataset: DatasetRef
    pods: int
    reads: int
    compute_seconds: float


@dataclass(frozen=True)
class World:
    """The inputs of a simulated day, known before the first pod.

    Attributes:
        nodes_of: the nodes of each site.
    """

    inventory: Inventory
    nodes_of: dict[str, list[str]]
    datasets: dict[DatasetRef, Dataset]
    jobs: list[Job]
    seed: int

    @property
    def pods(self) -> int:
        """The number of pods of all jobs."""
        return sum(job.pods for job in self.jobs)


def draw(nodes: int, seed: int) -> World:
    """Return the day of a seed."""
    rng = np.random.default_rng([seed, nodes])
    names = [f"site-{number}" for number in range(_SITES)]
    sites = [_site(name, names, rng) for name in names]
    of_lake = max(1, round(nodes * _LAKES_SHARE_OF_NODES / _LAKES))
    of_other = max(1, (nodes - _LAKES * of_lake) // (_SITES - _LAKES))
    nodes_of = {
        name: [f"{name}-n{each}" for each in range(of_lake if number < _LAKES else of_other)]
        for number, name in enumerate(names)
    }
    datasets = [_dataset(number, names, rng) for number in range(max(10, nodes // 5))]
    slots = SLOTS * sum(map(len, nodes_of.values()))
    return World(
        inventory=Inventory.of(sites),
        nodes_of=nodes_of,
        datasets={dataset.ref: dataset for dataset in datasets},
        jobs=_jobs([dataset.ref for dataset in datasets], slots, rng),
        seed=seed,
    )


def _site(name: str, names: list[str], rng: np.random.Generator) -> Site:
    links = {
        other: Link(float(rng.uniform(60e6, 600e6)), float(rng.uniform(0.01, 0.06))) for other in names if other != name
    }
    return Site(name, links=links, node_selector={SITE_LABEL: name})


def _dataset(number: int, names: list[str], rng: np.random.Generator) -> Dataset:
    held = rng.random() < _LAKES_SHARE_OF_DATA
    home = int(rng.integers(0, _LAKES)) if held else int(rng.integers(_LAKES, _SITES))
    at = {home, int(rng.integers(0, _SITES))} if rng.random() < 0.1 else {home}  # noqa: PLR2004 - as told above
    size_bytes = int(min(_MOST_BYTES, rng.lognormal(math.log(_MEDIAN_BYTES), _SPREAD_OF_BYTES)))
    sources = tuple(Source(names[each], S3Source("https://s3.example.com", "b")) for each in sorted(at))
    return Dataset(
        DatasetRef("steward", f"d{number}"), sources, status=DatasetStatus(size_bytes=size_bytes, version="v1")
    )


def _jobs(refs: list[DatasetRef], slots: int, rng: np.random.Generator) -> list[Job]:
    popularity = np.arange(1, len(refs) + 1) ** -0.9
    popularity /= popularity.sum()
    wanted, drawn = _TAKEN_SLOTS * slots * DAY_SECONDS, 0.0
    jobs = []
    while drawn < wanted:
        pods = min(_MOST_PODS, int(rng.zipf(2.0)))
        seconds = min(_MOST_SECONDS, float(rng.lognormal(math.log(_MEDIAN_SECONDS), _SPREAD_OF_SECONDS)))
        reads = 5 if rng.random() < 0.2 else 1  # noqa: PLR2004 - as told above
        jobs.append(Job(_moment(rng), refs[int(rng.choice(len(refs), p=popularity))], pods, reads, seconds))
        drawn += pods * seconds
    return sorted(jobs, key=lambda job: job.at_seconds)


def _moment(rng: np.random.Generator) -> float:
    """Draw a moment of a day that is five times as busy at noon as at midnight."""
    while True:
        moment = float(rng.uniform(0, DAY_SECONDS))
        if rng.uniform(0, 5) < 3 - 2 * math.cos(2 * math.pi * moment / DAY_SECONDS):
            return moment
