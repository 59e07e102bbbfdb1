"""A status in one string, for ways to the hub that bring single values back and no lists. Pure.

The string is JSON with the status's own fields `tasks`, `taskCounts` and `imports`; of each task and import, what the
hub reads of it.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from moorage.runs.pipelines import SUMMARY_BYTES

_OF_TASKS: Final = ("name", "phase", "attempt")
_OF_IMPORTS: Final = ("parameter", "artifact", "value", "site", "phase", "bytes", "bytesDone", "seconds")


def summary_of(status: Mapping[str, Any]) -> str:
    """What the hub reads of a status besides its phase, message and times.

    Where it would be too long, messages are left out, then tasks, and then imports; counts always fit.
    """
    parts = {
        "taskCounts": status.get("taskCounts"),
        "imports": [_only(each, _OF_IMPORTS) for each in status.get("imports") or ()],
        "tasks": [_only(each, (*_OF_TASKS, "message")) for each in status.get("tasks") or ()],
    }
    parts = {name: part for name, part in parts.items() if part}
    if len(text := _written(parts)) > SUMMARY_BYTES and "tasks" in parts:
        parts["tasks"] = [_only(each, _OF_TASKS) for each in status.get("tasks") or ()]
        text = _written(parts)
    while len(text) > SUMMARY_BYTES:
        parts.popitem()
        text = _written(parts)
    return text


def _written(parts: Mapping[str, Any]) -> str:
    return json.dumps(parts, separators=(",", ":"), sort_keys=True)


def _only(entry: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry[name] for name in fields if name in entry}
