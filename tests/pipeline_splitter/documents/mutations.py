"""Files spoiled on purpose, by a listed set of operators and a seed: each must be refused with a place, or read."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Path = list[str | int]


def places(value: Any, path: Path | None = None) -> Iterator[Path]:  # noqa: ANN401 - JSON
    """The way to everything inside of a value."""
    path = path or []
    items: Iterator[Any] = iter(())
    if isinstance(value, dict):
        items = iter(list(value.items()))
    elif isinstance(value, list):
        items = iter(list(enumerate(value)))
    for key, item in items:
        yield [*path, key]
        yield from places(item, [*path, key])


def _parent(root: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    for key in path[:-1]:
        root = root[key]
    return root


def drop(root: Any, path: Path, _chance: random.Random) -> None:  # noqa: ANN401
    """Leave it out."""
    del _parent(root, path)[path[-1]]


def duplicate(root: Any, path: Path, _chance: random.Random) -> None:  # noqa: ANN401
    """A list's item appears twice; a mapping's value goes into a list."""
    parent = _parent(root, path)
    if isinstance(parent, list):
        parent.append(copy.deepcopy(parent[int(path[-1])]))
    else:
        parent[path[-1]] = [copy.deepcopy(parent[path[-1]])] * 2


def retype(root: Any, path: Path, chance: random.Random) -> None:  # noqa: ANN401
    """Something of another type."""
    _parent(root, path)[path[-1]] = chance.choice([None, True, -1, 0.5, "", "x", [], {}, ["x"], {"x": 1}, [[]], -1e-9])


def rename(root: Any, path: Path, _chance: random.Random) -> None:  # noqa: ANN401
    """Another key, or another word."""
    parent = _parent(root, path)
    if isinstance(parent, dict):
        parent[f"{path[-1]}x"] = parent.pop(path[-1])
    elif isinstance(parent[path[-1]], str):
        parent[path[-1]] += "x"


def cycle(root: Any, path: Path, chance: random.Random) -> None:  # noqa: ANN401
    """A word from elsewhere in the file, so that references go astray or round in a cycle."""
    words = [item for place in places(root) if isinstance(item := _parent(root, place)[place[-1]], str) and item]
    if words:
        _parent(root, path)[path[-1]] = chance.choice(words)


def huge(root: Any, path: Path, chance: random.Random) -> None:  # noqa: ANN401
    """More than anything real."""
    _parent(root, path)[path[-1]] = chance.choice(
        [10**30, 10**400, -(10**30), 1e308, "9" * 500, "1e999", "9e999Ei", "x" * 100_000, ["x"] * 10_000]
    )


def unicode(root: Any, path: Path, chance: random.Random) -> None:  # noqa: ANN401
    """Characters that few expect."""
    strange = chance.choice(
        ["\u0000", "\u202e", "\U0001f9ec", "e\u0301", "\u00b2", "\u0661", "../x", "a/b/c/d", "\ud800"]
    )
    parent = _parent(root, path)
    if isinstance(parent, dict) and chance.random() < 0.5:
        parent[strange] = parent.pop(path[-1])
    else:
        parent[path[-1]] = strange


OPERATORS: dict[str, Callable[[Any, Path, random.Random], None]] = {
    operator.__name__: operator for operator in (drop, duplicate, retype, rename, cycle, huge, unicode)
}


def mutants(root: Any, count: int, seed: int) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """`count` spoiled texts, each with the operator's name; every eighth is the whole text, truncated."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    whole = json.dumps(root)
    ways = list(places(root))
    for index in range(count):
        if index % (len(OPERATORS) + 1) == len(OPERATORS):
            yield "truncated", whole[: chance.randrange(len(whole))]
            continue
        name = list(OPERATORS)[index % (len(OPERATORS) + 1)]
        spoiled = json.loads(whole)
        OPERATORS[name](spoiled, chance.choice(ways), chance)
        yield name, json.dumps(spoiled)
