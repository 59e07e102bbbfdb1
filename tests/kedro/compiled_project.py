"""A Kedro project whose pipeline is compiled: data in and between its nodes, in the catalogue and not."""

from pathlib import Path

from tests.kedro.project import make_project

_CATALOG = """
flights:
  type: moorage.kedro.SharedMemoryDataset
  name: flights
  directory: {folder}/memory
  metadata: {{moorage: {{dataset: flights, namespace: stewards}}}}
cleaned:
  type: moorage.kedro.SharedMemoryDataset
  name: cleaned
  directory: {folder}/memory
"""
_REGISTRY = """
import json

from kedro.pipeline import Pipeline, node


def clean(flights, rows):
    return flights.head(rows).assign(hours=lambda each: each["delay"] / 60.0)


class Model:
    def __init__(self, means):
        self.means = means


def train(cleaned, factor):
    return Model(dict(cleaned.groupby("carrier", observed=True)["hours"].mean() * factor)), 3


def tell(cleaned, model, three):
    told = {"sum": float(cleaned["hours"].sum()), "means": model.means, "three": three}
    print("TOLD", json.dumps(told), flush=True)
    return {"told": told, "types": {name: str(each) for name, each in cleaned.dtypes.items()}}


def register_pipelines():
    made = Pipeline([
        node(clean, ["flights", "params:rows"], "cleaned", name="clean"),
        node(train, ["cleaned", "params:factor"], ["best.model", "Three=3"], name="Train"),
        node(tell, ["cleaned", "best.model", "Three=3"], "summary", name="train"),
    ])
    return {"__default__": made, "half": made.only_nodes("train")}
"""


def make_compiled_project(folder: Path, version: str) -> None:
    """Write its files.

    Args:
        folder: where.
        version: of Kedro.
    """
    make_project(folder, version)
    (folder / "conf/base/catalog.yml").write_text(_CATALOG.format(folder=folder))
    (folder / "conf/base/parameters.yml").write_text("rows: 1000\nfactor: 2\n")
    (folder / "src/flights/pipeline_registry.py").write_text(_REGISTRY)
