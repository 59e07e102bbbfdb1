"""A Kedro project as `kedro new` makes one, as small as it can be: a pipeline of four nodes over a catalogue."""

from pathlib import Path

_FILES = {
    "pyproject.toml": """
[tool.kedro]
package_name = "flights"
project_name = "flights"
kedro_init_version = "{version}"
source_dir = "src"
""",
    "conf/base/catalog.yml": "",
    "conf/base/parameters.yml": "rows: 200000\n",
    "conf/local/.keep": "",
    "src/flights/__init__.py": "",
    "src/flights/settings.py": "{settings}",
    "src/flights/pipeline_registry.py": """
import json
import os
import sys

import pandas as pd
from kedro.pipeline import Pipeline, node


def load(rows):
    return pd.DataFrame({{"delay": range(rows), "carrier": pd.Categorical(["a", "b"] * (rows // 2))}})


def clean(raw):
    return raw[raw["delay"] >= 0].assign(hours=lambda each: each["delay"] / 60.0)


def total(cleaned):
    lies = cleaned["hours"].to_numpy().__array_interface__["data"][0]
    files = [line.split() for line in open("/proc/self/maps") if ".kedro-" in line or "given" in line]
    spans = [[int(end, 16) for end in words[0].split("-")] for words in files]
    shared = any(begin <= lies < end for begin, end in spans)
    return {{"sum": float(cleaned["hours"].sum()), "shared": shared, "process": os.getpid()}}


def model(cleaned):
    class_of = dict(cleaned.groupby("carrier", observed=True)["hours"].mean())
    return Model(class_of)


class Model:
    def __init__(self, means):
        self.means = means


def tell(total, model):
    print("TOLD", json.dumps({{**total, "teller": os.getpid(), "means": sorted(model.means.values())}}), flush=True)


def register_pipelines():
    made = Pipeline([
        node(load, "params:rows", "raw", name="load"),
        node(clean, "raw", "cleaned", name="clean"),
        node(total, "cleaned", "total", name="total"),
        node(model, "cleaned", "model", name="model"),
        node(tell, ["total", "model"], None, name="tell"),
    ])
    return {{"__default__": made}}
""",
}


def make_project(folder: Path, version: str, settings: str = "") -> None:
    """Write its files.

    Args:
        folder: where.
        version: of Kedro.
        settings: what settings.py says.
    """
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(version=version, settings=settings))
