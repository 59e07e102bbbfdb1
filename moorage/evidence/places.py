"""Names of batches in a store: PREFIX/COMPONENT/CHAIN/FIRST.jsonl, by the number of the first line."""

import re
from dataclasses import dataclass
from typing import Final, Self

_KEY: Final = re.compile(r"([a-z][a-z0-9-]{0,39})/(\d{8}T\d{6}Z-[0-9a-f]{12})/(\d{12})\.jsonl")


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """One object: some lines of a chain, from `first` on."""

    component: str
    chain: str
    first: int

    def key(self, prefix: str) -> str:
        """Return its key in the bucket."""
        return f"{folder(prefix, self.component)}{self.chain}/{self.first:012}.jsonl"

    @classmethod
    def read(cls, prefix: str, key: str) -> Self | None:
        """Parse a batch's key; None for a key that is no batch's."""
        head = _root(prefix)
        found = _KEY.fullmatch(key.removeprefix(head)) if key.startswith(head) else None
        return None if found is None else cls(found[1], found[2], int(found[3]))


def folder(prefix: str, component: str) -> str:
    """Return the folder of a component's chains, or with "" of all components'."""
    return _root(prefix) + (f"{component}/" if component else "")


def _root(prefix: str) -> str:
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""
