"""A dataset of Kedro that is an object in the node's memory."""

from typing import Any

from kedro.io.core import AbstractDataset, DatasetError

from moorage.memory import MemoryStore, default_place
from moorage.memory.layout import MemoryObjectError


class SharedMemoryDataset(AbstractDataset[Any, Any]):
    """An object of `moorage.memory`. Processes that know its place read it without a copy.

    What was not copied can't be written to, so that no node changes what another reads; copy it first.

    Args:
        name: the name of the object.
        directory: where it lies, or `vineyard://` with a daemon's socket; None: as `moorage.memory` has it.
        trust: whether what was pickled may be loaded: its writer can run code here.
        metadata: for plugins; nothing reads it here.
    """

    def __init__(
        self, name: str, directory: str | None = None, *, trust: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        self._name = name
        self._directory = directory or default_place()
        self._trust = trust
        self.metadata = metadata
        self._EPHEMERAL = True

    def load(self) -> Any:  # noqa: ANN401 - what was saved
        """Load the object from memory.

        Raises:
            DatasetError: there is none, or it was pickled and is not trusted.
        """
        try:
            return self._store.get(self._name, trust=self._trust)
        except MemoryObjectError as error:
            raise DatasetError(str(error)) from error

    def save(self, data: Any) -> None:  # noqa: ANN401 - any object
        """Keep it in place of what was there.

        Raises:
            DatasetError: it can't be kept, or there is no room.
        """
        try:
            self._store.put(self._name, data)
        except MemoryObjectError as error:
            raise DatasetError(str(error)) from error

    @property
    def _store(self) -> MemoryStore:
        return MemoryStore(self._directory)

    def _exists(self) -> bool:
        return self._name in self._store.names()

    def _release(self) -> None:
        self._store.delete(self._name)

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name, "directory": self._directory}
