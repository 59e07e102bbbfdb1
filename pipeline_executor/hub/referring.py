"""Which runs read what others of their namespace left: what a spec names, and an index of it. Pure."""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from moorage.runs import RunRef

MOST_REFERRED: Final = 64
"""Earlier runs that are kept of one run; one that names more counts as naming all of its namespace."""

Refers: TypeAlias = frozenset[str] | None
"""`<name>/<uid>` of runs of the same namespace; None: of too many."""

# What follows is looked at without being taken, as a reference may begin within what looked like one.
_NAMED: Final = r"runs/{namespace}/(?=([^/\s]{{1,253}}/[^/\s]{{1,64}})/)"


def referred(spec: object, own: RunRef) -> Refers:
    """The other runs of the namespace that stand in any value of a run's spec, as an importer's URI names them.

    Args:
        spec: raw, of any form.
        own: the run whose spec it is.
    """
    named = re.compile(_NAMED.format(namespace=re.escape(own.namespace)))
    found: set[str] = set()
    mine = f"{own.name}/{own.uid}"
    left = [spec]
    while left:
        value = left.pop()
        if isinstance(value, str):
            for match in named.finditer(value):
                if match[1] != mine:
                    found.add(match[1])
                if len(found) > MOST_REFERRED:
                    return None
        elif isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return frozenset(found)


class Readers:
    """The runs that name others, by those that they name."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, None]] = {}
        self._of_all: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        """How many runs and namespaces are named."""
        return len(self._of) + len(self._of_all)

    def change(self, namespace: str, name: str, before: Refers, after: Refers) -> None:
        """A run names others than before; nobody where it is new, or gone."""
        if before == after:
            return
        self._change(self._of_all, namespace, name, present=after is None)
        for each in (before or frozenset()) - (after or frozenset()):
            self._change(self._of, f"{namespace}/{each}", name, present=False)
        for each in (after or frozenset()) - (before or frozenset()):
            self._change(self._of, f"{namespace}/{each}", name, present=True)

    def of(self, run: RunRef) -> str:
        """Another run that reads what this one left; "" for none."""
        for several in (self._of.get(str(run)), self._of_all.get(run.namespace)):
            for name in several or ():
                if name != run.name:
                    return name
        return ""

    @staticmethod
    def _change(index: dict[str, dict[str, None]], key: str, name: str, *, present: bool) -> None:
        if present:
            index.setdefault(key, {})[name] = None
            return
        several = index.get(key, {})
        several.pop(name, None)
        if not several:
            index.pop(key, None)
