"""Placement of a pipeline's intermediate datasets in memory."""

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from moorage.kedro.datasets import SharedMemoryDataset
from moorage.memory import MemoryStore, default_place
from moorage.memory.store import VARIABLE


def place_intermediates(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Have every dataset that is made by a node, and that the catalogue does not name, lie in memory.

    Those that the catalogue names, by a pattern too, stay what they are. So do inputs of the pipeline, but for those
    that another process has put into the place that this one was given: its nodes made them.

    Args:
        pipeline: that is about to run.
        catalog: for that run; it is added to.
    """
    place = _place()
    store = MemoryStore(place)
    trust = store.is_private()
    there = set(store.names()) if os.environ.get(VARIABLE) else set()
    for name in sorted(pipeline.datasets() - (pipeline.inputs() - there)):
        if name not in catalog:
            catalog[name] = SharedMemoryDataset(name, place, trust=trust)


def _place() -> str:
    """Return the one that a pod was given; else a directory of this process, which goes with it."""
    return os.environ.get(VARIABLE) or _own_directory().name


@functools.cache
def _own_directory() -> tempfile.TemporaryDirectory[str]:
    parent = Path(default_place())
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Its finalizer runs at the process's end; a forked child's end is no reason to remove it, and runs none.
    return tempfile.TemporaryDirectory(prefix=".kedro-", dir=parent)
