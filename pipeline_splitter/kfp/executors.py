"""Executors: what container a task runs, what it asks of a node, or what an importer imports."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from moorage.reading.quantity import parse_quantity
from pipeline_splitter.documents import container_digest
from pipeline_splitter.documents.limits import MOST
from pipeline_splitter.kfp.places import Place, shown
from pipeline_splitter.kfp.spec import unwrap_value

WORKSPACE = "{{$.workspace_path}}"
_CREATES_CLAIM = re.compile(r"(?:.*/)?argostub/createpvc(?:[:@].*)?")
_DELETES_CLAIM = re.compile(r"(?:.*/)?argostub/deletepvc(?:[:@].*)?")
_GIGABYTE = 10**9
_ORDER = ("Request", "Limit")


@dataclass(frozen=True, slots=True)
class Container:
    """A container as far as planning asks.

    Attributes:
        digest: SHA-256 of the canonical JSON of {image, command, args}.
        cpu: cores; None where it does not say before it runs.
        resources: memory in bytes and accelerators by resource name; without cpu.
        uses_workspace: whether the workspace's placeholder stands in it.
        creates_claim, deletes_claim: the images by which Kubeflow makes and removes a PersistentVolumeClaim.
    """

    digest: str
    cpu: float | None
    resources: Mapping[str, float] = field(default_factory=dict)
    uses_workspace: bool = False
    creates_claim: bool = False
    deletes_claim: bool = False


@dataclass(frozen=True, slots=True)
class Importer:
    """An importer's source: a literal URI, or the parameter of its component that holds it."""

    uri: str | None
    parameter: str | None
    to_workspace: bool


def read_executor(place: Place) -> Container | Importer:
    """Read one entry of `deploymentSpec.executors`."""
    if place.has("importer"):
        return _read_importer(place.required("importer"))
    if place.has("container"):
        return _read_container(place.required("container"))
    place.fail("must have a container or an importer; others can't be planned")


def _read_importer(place: Place) -> Importer:
    uri = place.required("artifactUri")
    constant = uri.value("constant") if uri.has("constant") else unwrap_value(uri.value("constantValue"))
    if constant is not None and not isinstance(constant, str):
        uri.fail(f"must be a string, not {shown(constant)}", "constant")
    parameter = uri.text("runtimeParameter") or None
    if constant is None and parameter is None:
        uri.fail("must have either constant or runtimeParameter")
    return Importer(constant, parameter, place.flag("downloadToWorkspace"))


def _read_container(place: Place) -> Container:
    image = place.required_text("image")
    command, args = place.texts("command"), place.texts("args")
    environment = [entry.text("value") or "" for entry in place.subs("env")]
    resources = place.sub("resources")
    try:
        digest = container_digest(image, command, args)
    except ValueError as error:
        place.fail(f"can't be written as canonical JSON: {error}")
    return Container(
        digest=digest,
        cpu=_first(resources, "Cpu", 1),
        resources=_other_resources(resources),
        uses_workspace=any(WORKSPACE in text for text in (*command, *args, *environment)),
        creates_claim=_CREATES_CLAIM.fullmatch(image) is not None,
        deletes_claim=_DELETES_CLAIM.fullmatch(image) is not None,
    )


def _other_resources(resources: Place) -> dict[str, float]:
    found = {}
    memory = _first(resources, "Memory", _GIGABYTE)
    if memory is not None:
        found["memory"] = memory
    accelerator = resources.sub("accelerator")
    kind = accelerator.text("resourceType") or accelerator.text("type")
    if kind and not _is_dynamic(kind):
        field_name = "resourceCount" if accelerator.has("resourceCount") else "count"
        said = accelerator.value(field_name)
        count = 1.0 if said is None or said == "" else _quantity(accelerator, field_name, 1)
        if count:
            found[kind] = count
    return found


def _first(resources: Place, what: str, unit: int) -> float | None:
    """Return the request, else the limit; the newer of the two spellings first; a recorded zero is zero.

    None where nothing is recorded, or only the run knows.
    """
    for which in _ORDER:
        for key in (f"resource{what}{which}", f"{what.lower()}{which}"):
            value = _quantity(resources, key, unit) if resources.has(key) else None
            if value is not None:
                return value
    return None


def _is_dynamic(value: Any) -> bool:  # noqa: ANN401 - raw JSON
    return isinstance(value, str) and "{{" in value


def _quantity(place: Place, key: str, unit: int) -> float | None:
    """Return a quantity; a bare number counts in units. None for what only the run knows."""
    value = place.value(key)
    if _is_dynamic(value) or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        place.fail(f"must be a quantity, not {shown(value)}", key)
    if isinstance(value, int | float):
        amount = float(value) * unit if abs(value) <= math.ldexp(1, 200) else math.inf
    else:
        amount = _parse(place, key, value)
    if not 0 <= amount <= MOST:
        place.fail(f"must be a quantity from 0 to {MOST:g}, not {shown(value)}", key)
    return amount


def _parse(place: Place, key: str, text: str) -> float:
    try:
        # The SDK also takes a capital K, which Kubernetes does not have.
        exact: Fraction = parse_quantity(f"{text[:-1]}k" if text.endswith("K") else text)
    except ValueError as error:
        place.fail(str(error), key)
    try:
        return float(exact)
    except OverflowError:
        return math.inf
