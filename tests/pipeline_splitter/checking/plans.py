"""Plans to be checked: made by the planner, of the example, of recorded files and of small random workflows."""

import gzip
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from moorage.model import Dataset
from moorage.sites import Inventory
from pipeline_splitter.checking import CheckInputs, Finding, check
from pipeline_splitter.documents import parse
from pipeline_splitter.hints import Hints
from pipeline_splitter.inputs import read_datasets, read_sites
from pipeline_splitter.planning import Request, make_plan
from pipeline_splitter.planning.making import read_graph
from pipeline_splitter.reading_hints import read_hints
from tests.builders import make_site

EXAMPLE = Path(__file__).parents[3] / "examples/plan"


@dataclass(frozen=True)
class Made:
    """A plan's files, and what they were made from."""

    files: Mapping[str, str]
    inputs: CheckInputs

    def findings(self, **changed: str) -> tuple[Finding, ...]:
        """What does not hold; `plan=text` and `bound=text` stand in for plan.json and bound.json."""
        texts = {f"{name}.json": text for name, text in changed.items()}
        return check({**self.files, **texts}, self.inputs)


def make(request: Request) -> Made:
    """Plan, in as much time as it takes."""
    outcome = make_plan(request, time.monotonic() + 60, time.monotonic, lambda *_: None)
    graph, pipeline = read_graph(request)
    inputs = CheckInputs(
        graph,
        pipeline,
        request.inventory,
        request.datasets,
        request.tolerance,
        request.kwh_per_gb,
        hints=request.hints,
    )
    return Made(outcome.files, inputs)


def request_of(path: Path, inventory: Inventory, objectives: Sequence[str] = ("money",)) -> Request:
    """A request to plan one file."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return Request(parse(content, path.name), path.name, inventory, {}, objectives=tuple(objectives))


@cache
def example_request() -> Request:
    """The example, with hints that leave its last step two sites."""
    documents = {path.stem: parse(path.read_bytes(), path.name) for path in EXAMPLE.glob("*.yaml")}
    return Request(
        documents["pipeline"],
        "pipeline.yaml",
        read_sites(documents["sites"], "sites.yaml"),
        read_datasets(documents["datasets"], "datasets.yaml"),
        read_hints([("hints.yaml", documents["hints"])]),
    )


@cache
def example(*objectives: str) -> Made:
    """The plan of the example."""
    return make(replace(example_request(), objectives=objectives or ("money",)))


@cache
def without_releases() -> Made:
    """The example where no release is declared: nothing can be planned."""
    request = example_request()
    datasets = {ref: _without_releases(dataset) for ref, dataset in request.datasets.items()}
    return make(replace(request, datasets=datasets))


def _without_releases(dataset: Dataset) -> Dataset:
    return replace(dataset, governance=replace(dataset.governance, releases=()))


def workflow(tasks: Mapping[str, tuple[Sequence[str], Sequence[str], float]], sizes: Mapping[str, float]) -> Any:  # noqa: ANN401 - a document
    """WfFormat 1.5: of each task what it reads, what it writes and its seconds; of each file its bytes."""
    maker = {file: name for name, (_, written, _) in tasks.items() for file in written}
    parents = {name: sorted({maker[file] for file in read if file in maker}) for name, (read, _, _) in tasks.items()}
    return {
        "name": "drawn",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "name": name,
                        "id": name,
                        "parents": parents[name],
                        "children": sorted(other for other in tasks if name in parents[other]),
                        "inputFiles": list(read),
                        "outputFiles": list(written),
                    }
                    for name, (read, written, _) in tasks.items()
                ],
                "files": [{"id": file, "sizeInBytes": size} for file, size in sizes.items()],
            },
            "execution": {
                "makespanInSeconds": 1,
                "executedAt": "2026-01-01",
                "tasks": [
                    {"id": name, "runtimeInSeconds": seconds, "coreCount": 1} for name, (_, _, seconds) in tasks.items()
                ],
            },
        },
    }


PLACES = {"eu-1": "DE", "us-1": "US", "ch-1": "CH"}
"""Sites of small compiled pipelines; us-1 is the cheapest."""


def compiled(*documents: Any, hints: Hints | None = None, datasets: Sequence[Dataset] = ()) -> Request:  # noqa: ANN401 - documents
    """A request to plan a small compiled pipeline."""
    prices = {"eu-1": 0.05, "us-1": 0.03, "ch-1": 0.04}
    inventory = Inventory.of(make_site(name, place, cpu_hour_price=prices[name]) for name, place in PLACES.items())
    known = {dataset.ref: dataset for dataset in datasets}
    return Request(list(documents), "small.yaml", inventory, known, hints or Hints())
