"""The RFC 6902 operations that lead from one JSON document to another. Pure.

Subtrees that both documents share are skipped by identity, so the cost is that of what changed. Objects in a list are
matched by their `name` where all of them have one and it is unique (containers, volumes, environment): an insertion at
the front then is one operation, and another webhook's later additions are not overwritten.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Operation = dict[str, Any]


def diff(before: object, after: object, path: str = "") -> list[Operation]:
    """Return the operations that make `after` of `before`; in order, each valid when its turn comes."""
    return list(_diff(before, after, path))


def _diff(before: object, after: object, path: str) -> Iterator[Operation]:
    if before is after:
        return
    # JSON has these two, and asking for the abstract Mapping and Sequence costs ten times as much.
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _diff_mappings(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _diff_sequences(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield {"op": "replace", "path": path, "value": after}


def _diff_mappings(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Operation]:
    for key in before:
        if key not in after:
            yield {"op": "remove", "path": f"{path}/{_escape(key)}"}
    for key, value in after.items():
        if key in before:
            yield from _diff(before[key], value, f"{path}/{_escape(key)}")
        else:
            yield {"op": "add", "path": f"{path}/{_escape(key)}", "value": value}


def _diff_sequences(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Operation]:
    names, wanted = _names(before), _names(after)
    if names is None or wanted is None:
        if before != after:
            yield {"op": "replace", "path": path, "value": after}
        return
    known, kept = set(names), set(wanted)
    if [name for name in names if name in kept] != [name for name in wanted if name in known]:
        yield {"op": "replace", "path": path, "value": after}
        return
    for index in range(len(names) - 1, -1, -1):
        if names[index] not in kept:
            yield {"op": "remove", "path": f"{path}/{index}"}
    by_name = dict(zip(names, before, strict=True))
    for index, (name, item) in enumerate(zip(wanted, after, strict=True)):
        if name in known:
            yield from _diff(by_name[name], item, f"{path}/{index}")
        else:
            yield {"op": "add", "path": f"{path}/{index}", "value": item}


def _names(items: Sequence[Any]) -> list[str] | None:
    """Return the names of all items, or None where one has none or two share one."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return None
    return names  # type: ignore[return-value]


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
