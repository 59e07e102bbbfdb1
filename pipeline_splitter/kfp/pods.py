"""The platform document: Kubernetes' pod configuration of one executor."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.model import GROUP
from moorage.reading.duration import parse_seconds
from moorage.reading.quantity import parse_quantity
from pipeline_splitter.documents.limits import MOST
from pipeline_splitter.kfp.bindings import Said, read_parameter
from pipeline_splitter.kfp.places import Place, shown

SITE = f"{GROUP}/site"
SECONDS = f"{GROUP}/seconds"
OUTPUT_BYTES = f"{GROUP}/output-bytes"
_MAX_DEPTH = 64
_REFERENCES = ("taskOutputParameter", "componentInputParameter", "taskFinalStatus")


@dataclass(frozen=True, slots=True)
class Reference:
    """A place that names a task's output or an input of the component around the task.

    Attributes:
        location: keys and indices from the executor's configuration down to the mapping that holds it.
    """

    location: tuple[str | int, ...]
    said: Said


@dataclass(frozen=True, slots=True)
class PodConfig:
    """One executor's configuration.

    Attributes:
        site, seconds, output_bytes: what the annotations say; None or empty where they don't.
        references: everything dynamic, in order of location.
        claims: names of the PersistentVolumeClaims that it mounts.
    """

    place: Place
    labels: Mapping[str, str] = field(default_factory=dict)
    site: str | None = None
    seconds: float | None = None
    output_bytes: Mapping[str, float] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    claims: tuple[Said, ...] = ()


def read_pod_config(place: Place) -> PodConfig:
    """Read one entry of the platform document's `executors`."""
    metadata = place.sub("podMetadata")
    annotations = _texts(metadata.sub("annotations"))
    return PodConfig(
        place=place,
        labels=_texts(metadata.sub("labels")),
        site=annotations.get(SITE) or None,
        seconds=_seconds(metadata, annotations.get(SECONDS)),
        output_bytes=_output_bytes(metadata, annotations.get(OUTPUT_BYTES)),
        references=tuple(_references(place, (), 0)),
        claims=tuple(_claims(place)),
    )


def _texts(place: Place) -> Mapping[str, str]:
    for key in place.raw:
        if not isinstance(key, str) or not isinstance(place.raw[key], str):
            place.fail("must map strings to strings", str(key))
    return place.raw


def _at(name: str) -> str:
    return f"annotations[{name}]"


def _seconds(metadata: Place, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(parse_seconds(text))
    except ValueError as error:
        metadata.fail(str(error), _at(SECONDS))
    except OverflowError:
        seconds = math.inf
    if not 0 <= seconds <= MOST:
        metadata.fail(f"must be a number of seconds from 0 to {MOST:g}, not {shown(text)}", _at(SECONDS))
    return seconds


def _output_bytes(metadata: Place, text: str | None) -> Mapping[str, float]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        metadata.fail(f"must be a JSON mapping of output to quantity, not {shown(text)}", _at(OUTPUT_BYTES))
    return {output: _amount(metadata, _at(OUTPUT_BYTES), size) for output, size in value.items()}


def _amount(metadata: Place, key: str, value: Any) -> float:  # noqa: ANN401 - raw JSON
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        metadata.fail(f"must be a quantity, not {shown(value)}", key)
    try:
        amount = float(parse_quantity(value))
    except ValueError as error:
        metadata.fail(str(error), key)
    except OverflowError:
        amount = math.inf
    if not 0 <= amount <= MOST:
        metadata.fail(f"must be a number from 0 to {MOST:g}, not {shown(value)}", key)
    return amount


def _references(place: Place, location: tuple[str | int, ...], depth: int) -> Iterator[Reference]:
    if depth > _MAX_DEPTH:
        place.fail(f"is nested deeper than {_MAX_DEPTH} levels")
    if any(place.has(key) for key in _REFERENCES):
        yield Reference(location, read_parameter(place))
    for key in sorted(place.raw, key=str):
        value = place.raw[key]
        # The texts of labels, selectors and templates are their author's, whatever their keys are called.
        if key in _REFERENCES or (not location and key == "podMetadata"):
            continue
        if isinstance(value, dict):
            yield from _references(place.required(key), (*location, key), depth + 1)
        elif isinstance(value, list):
            yield from _list_references(place, key, location, depth)


def _list_references(place: Place, key: str, location: tuple[str | int, ...], depth: int) -> Iterator[Reference]:
    for index, item in enumerate(place.items(key)):
        if isinstance(item, dict):
            child = Place(place.subject, place.at(f"{key}[{index}]"), item)
            yield from _references(child, (*location, key, index), depth + 1)


def _claims(place: Place) -> Iterator[Said]:
    """Yield the names of mounted claims: `pvcNameParameter`, in older files the mount's own binding, or `constant`."""
    for mount in place.subs("pvcMount"):
        if mount.has("pvcNameParameter"):
            yield read_parameter(mount.required("pvcNameParameter"))
        elif any(mount.has(key) for key in _REFERENCES):
            yield read_parameter(mount)
        elif mount.has("constant"):
            name = mount.required_text("constant")
            yield read_parameter(Place(mount.subject, mount.path, {"runtimeValue": {"constant": name}}))
        else:
            mount.fail("must say which claim: pvcNameParameter")
