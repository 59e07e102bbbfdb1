"""Placement settings of runs, from where an unmodified client can write them. Pure.

A *layer* is one place that may say something: the namespace, the pipeline's description, the pipeline, its version, the
experiment, the run itself. Later layers win key by key; hints of all layers merge, entry by entry. Keys are those of
`KEYS`, each as an annotation (or a pipeline's tag) or as a line of a description:

    moorage.dev/objective: carbon,money
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

from kfp_api.answers import invalid, shortened
from moorage.errors import InputError
from moorage.objectives import OBJECTIVES
from moorage.runs import StretchedPipeline
from pipeline_splitter.documents import parse
from pipeline_splitter.reading_hints import read_hints

OBJECTIVE: Final = "moorage.dev/objective"
HINTS: Final = "moorage.dev/hints"
HINTS_CONFIG_MAP: Final = "moorage.dev/hints-config-map"
SERVICE_ACCOUNT: Final = "moorage.dev/service-account"
APPROVAL: Final = "moorage.dev/approval"
TOLERANCE: Final = "moorage.dev/tolerance"
TIME_LIMIT: Final = "moorage.dev/time-limit-seconds"
LOST_AFTER: Final = "moorage.dev/lost-after-seconds"
_NUMBERS: Final[Mapping[str, str]] = {
    TOLERANCE: "tolerance",
    TIME_LIMIT: "time_limit_seconds",
    LOST_AFTER: "lost_after_seconds",
}
_NAMES: Final[Mapping[str, str]] = {HINTS_CONFIG_MAP: "hints_config_map", SERVICE_ACCOUNT: "service_account"}
KEYS: Final = (OBJECTIVE, HINTS, HINTS_CONFIG_MAP, SERVICE_ACCOUNT, APPROVAL, TOLERANCE, TIME_LIMIT, LOST_AFTER)

LONGEST_HINTS: Final = 16_384
"""The limit of hints, in characters. Longer hints go into a ConfigMap."""
LONGEST_SETTING: Final = 253
"""The limit of every other setting, in characters: an object's name."""
_TOO_LONG: Final = "\x00"
"""The text in place of a longer one: half of it might mean something else, and all of it is too much to keep."""
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LONGER: Final = {HINTS: f", or put them into a ConfigMap that {HINTS_CONFIG_MAP} names"}
_SECTIONS = ("inputs", "tasks", "artifacts", "defaults")


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of placement settings.

    Attributes:
        where: in messages: `Namespace research`.
        settings: by key.
    """

    where: str
    settings: Mapping[str, str] = field(default_factory=dict)


def settings_in(annotations: Mapping[str, str], description: str = "") -> dict[str, str]:
    """Return the settings among annotations (or tags) and the lines of a description; annotations win."""
    found: dict[str, str] = {}
    for line in description.splitlines() if "moorage.dev/" in description else ():
        key, _, value = line.strip().partition(":")
        if key in KEYS and value.strip():
            found[key] = _kept(key, value.strip())
    for key in KEYS:
        if said := annotations.get(key):
            found[key] = _kept(key, str(said))
    return found


def _kept(key: str, value: str) -> str:
    return value if len(value) <= _longest(key) else _TOO_LONG


def _longest(key: str) -> int:
    return LONGEST_HINTS if key == HINTS else LONGEST_SETTING


def settle(run: StretchedPipeline, layers: Sequence[Layer]) -> StretchedPipeline:
    """Return the run, placed as all layers together ask for.

    Raises:
        RequestError: one says what can't be used; names it, the key and the remedy.
    """
    hints: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.settings.items():
            if value == _TOO_LONG:
                _refuse(layer, key, "what is there", f"write at most {_longest(key)} characters{_LONGER.get(key, '')}")
            if key == HINTS:
                hints = _merged(hints, _hints(layer, value))
            else:
                run = _with(run, layer, key, value)
    return replace(run, hints=hints or None)


def _with(run: StretchedPipeline, layer: Layer, key: str, value: str) -> StretchedPipeline:
    if key in _NUMBERS:
        changes: dict[str, Any] = {_NUMBERS[key]: _number(layer, key, value)}
    elif key in _NAMES:
        changes = {_NAMES[key]: _name(layer, key, value)}
    elif key == OBJECTIVE:
        changes = {"objective": _objective(layer, value)}
    else:
        changes = {"approval": _approval(layer, value)}
    return replace(run, **changes)


def _approval(layer: Layer, value: str) -> bool:
    if value not in {"manual", "automatic"}:
        _refuse(layer, APPROVAL, value, "write manual or automatic")
    return value == "manual"


def _objective(layer: Layer, value: str) -> str:
    words = [word.strip() for word in value.split(",")]
    if not set(words) <= OBJECTIVES.keys() or len(set(words)) != len(words):
        _refuse(layer, OBJECTIVE, value, f"write one of {', '.join(OBJECTIVES)}, or several, separated by commas")
    return ",".join(words)


def _name(layer: Layer, key: str, value: str) -> str:
    if not _NAME.fullmatch(value):
        _refuse(layer, key, value, "write the name of an object in the run's namespace")
    return value


def _number(layer: Layer, key: str, value: str) -> float:
    if not _NUMBER.fullmatch(value):
        _refuse(layer, key, value, "write a number, as 60 or 0.01")
    return float(value)


def _hints(layer: Layer, text: str) -> dict[str, Any]:
    """Parse hints as in a file; the planner checks whether they name parts of the pipeline."""
    subject = f"{layer.where}, {HINTS}"
    try:
        documents = parse(text, subject)
        read_hints([(subject, documents)])
    except InputError as error:
        raise invalid(f"{error}: mend it (docs/plan-inputs.md describes hints)") from None
    if len(documents) != 1:
        raise invalid(f"{subject}: must be one mapping with inputs, tasks, artifacts or defaults")
    hints: dict[str, Any] = documents[0]
    return hints


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Section by section, entry by entry, field by field, as several files of hints merge."""
    merged = dict(first)
    for section in _SECTIONS:
        if section not in second:
            continue
        entries = dict(merged.get(section) or {})
        for name, entry in (second[section] or {}).items():
            before = entries.get(name)
            entries[name] = {**before, **entry} if isinstance(before, dict) and isinstance(entry, dict) else entry
        merged[section] = entries
    return merged


def _refuse(layer: Layer, key: str, value: str, remedy: str) -> NoReturn:
    raise invalid(f"{layer.where}: {key}: {shortened(value)!r} can't be used: {remedy}")
