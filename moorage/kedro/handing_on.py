"""Handovers between nodes that run in containers of their own: files, at paths that the run gives."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.io.core import AbstractDataset, DatasetError
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner as KedroSequentialRunner

from moorage.memory.layout import MemoryObjectError
from moorage.memory.objects import load, save


class HandedOnDataset(AbstractDataset[Any, Any]):
    """An object of `moorage.memory` in a file. What a run's own nodes wrote is trusted, as Kedro trusts its pickles.

    Args:
        path: of the file.
        named: the dataset that the catalogue has by that name. What a node saves goes there, too, and what other nodes
            get is what it loads: the same as if they had loaded it themselves.
    """

    def __init__(self, path: str, named: AbstractDataset[Any, Any] | None = None) -> None:
        self._path = Path(path)
        self._named = named
        self._EPHEMERAL = True

    def load(self) -> Any:  # noqa: ANN401 - what was saved
        """Load what the producing node saved.

        Raises:
            DatasetError: it can't be read.
        """
        try:
            return load(self._path, trust=True)
        except (MemoryObjectError, OSError) as error:
            raise DatasetError(f"what {self._path.name} holds can't be read: {error}") from error

    def save(self, data: Any) -> None:  # noqa: ANN401 - any object
        """Keep it for the nodes after this one.

        Raises:
            DatasetError: it can't be kept.
        """
        if self._named is not None:
            self._named.save(data)
            data = self._named.load()
        try:
            save(self._path, data)
        except (MemoryObjectError, OSError) as error:
            raise DatasetError(f"what the node made can't be handed on: {error}") from error

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "named": self._named}


class TaskRunner(KedroSequentialRunner):
    """A runner of one node, between files.

    Args:
        inputs: paths by dataset, of what other nodes made.
        outputs: likewise, of what others will read.
    """

    def __init__(self, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> None:
        super().__init__()
        self._inputs = dict(inputs)
        self._outputs = dict(outputs)

    def run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        *arguments: Any,  # noqa: ANN401 - Kedro's own
        **named: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Run as Kedro does, with the handed-on datasets in files."""
        for name, path in self._inputs.items():
            catalog[name] = HandedOnDataset(path)
        for name, path in self._outputs.items():
            catalog[name] = HandedOnDataset(path, catalog.get(name) if name in catalog else None)
        outputs: dict[str, Any] = super().run(pipeline, catalog, *arguments, **named)
        return outputs
