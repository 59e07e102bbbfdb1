"""Which datasets of a pipeline lie in memory, and where."""

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from moorage.kedro.datasets import SharedMemoryDataset
from moorage.memory import MemoryStore, default_directory
from moorage.memory.store import VARIABLE


def place_intermediates(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Have every dataset that is made by a node, and that the catalogue does not name, lie in memory.

    Those that the catalogue names, by a pattern too, stay what they are. So do inputs of the pipeline, but for those
    that another process has put into the directory that this one was given: its nodes made them.

    Args:
        pipeline: that is about to run.
        catalog: for that run; it is added to.
    """
    directory = _directory()
    store = MemoryStore(directory)
    trust = store.is_private()
    there = set(store.names()) if os.environ.get(VARIABLE) else set()
    for name in sorted(pipeline.datasets() - (pipeline.inputs() - there)):
        if name not in catalog:
            catalog[name] = SharedMemoryDataset(name, str(directory), trust=trust)


def _directory() -> Path:
    """The one that a pod was given; else one of this process, which goes with it."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else Path(_own_directory().name)


@functools.cache
def _own_directory() -> tempfile.TemporaryDirectory[str]:
    parent = default_directory()
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Its finalizer runs at the process's end; a forked child's end is no reason to remove it, and runs none.
    return tempfile.TemporaryDirectory(prefix=".kedro-", dir=parent)
