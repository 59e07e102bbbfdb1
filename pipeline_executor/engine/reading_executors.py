"""The executor of a component: a container with its platform configuration, or an importer."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pipeline_executor.engine.expressions import read_expression
from pipeline_executor.engine.program import Container, Importer, ParameterBinding, PlatformReference
from pipeline_executor.engine.records import LaunchKind
from pipeline_executor.engine.templates import Item, Template, items_workspace, read_item, read_template, uses_workspace
from pipeline_splitter.kfp.bindings import Said, read_parameter
from pipeline_splitter.kfp.components import Component
from pipeline_splitter.kfp.places import Place, shown
from pipeline_splitter.kfp.spec import Spec, unwrap_value

_CLAIMS: Final = {"createpvc": LaunchKind.CREATE_CLAIM, "deletepvc": LaunchKind.DELETE_CLAIM}
_CLAIM_IMAGE: Final = re.compile(r"(?:.*/)?argostub/(createpvc|deletepvc)(?:[:@].*)?")
_REFERENCES: Final = frozenset({"taskOutputParameter", "componentInputParameter", "taskFinalStatus", "runtimeValue"})
_DEEPEST: Final = 32
_LONGEST_NUMBER: Final = 9
_RESOURCES: Final = (("cpu", "Cpu", ""), ("memory", "Memory", "G"))
_Read = TypeVar("_Read")


def read_body(spec: Spec, component: Component) -> Container | Importer:
    """Read the executor that a component names.

    Raises:
        InputError: there is none, or it can't be run.
    """
    executors = spec.pipeline.sub("deploymentSpec").sub("executors")
    key = component.executor or ""
    if not executors.has(key):
        component.place.fail(f"{key!r} is not among deploymentSpec.executors", "executorLabel")
    executor = executors.required(key)
    if executor.has("importer"):
        return _importer(executor.required("importer"))
    if executor.has("container"):
        return _container(executor.required("container"), spec.platform_executors.sub(key))
    executor.fail("must have a container or an importer; others can't be run outside of Google Cloud")


def _importer(place: Place) -> Importer:
    if place.flag("downloadToWorkspace"):
        place.fail("can't be run here: read the artifact as an input of the tasks that need it", "downloadToWorkspace")
    uri = place.required("artifactUri")
    constant = uri.value("constant") if uri.has("constant") else unwrap_value(uri.value("constantValue"))
    if constant is not None and not isinstance(constant, str):
        uri.fail(f"must be a string, not {shown(constant)}", "constant")
    parameter = uri.text("runtimeParameter") or ""
    if constant is None and not parameter:
        uri.fail("must have one of constant and runtimeParameter")
    old = {**place.sub("properties").raw, **place.sub("customProperties").raw}
    metadata = {name: unwrap_value(value) for name, value in old.items()} | dict(place.sub("metadata").raw)
    return Importer(
        uri=None if constant is None else read_template(constant),
        parameter=parameter,
        type=place.sub("typeSchema").raw,
        metadata=metadata,
    )


def _container(place: Place, platform: Place) -> Container:
    image = place.required_text("image")
    command, args = _items(place, "command"), _items(place, "args")
    env = tuple((each.required_text("name"), read_template(each.text("value") or "")) for each in place.subs("env"))
    if place.sub("lifecycle").raw:
        place.fail("can't be run here: Kubeflow's backend does not run it either", "lifecycle")
    resources = place.sub("resources")
    claim = _CLAIM_IMAGE.fullmatch(image)
    return Container(
        image=read_template(image),
        command=command,
        args=args,
        env=env,
        requests=_quantities(resources, "Request"),
        limits=_quantities(resources, "Limit"),
        accelerator=_accelerator(resources.sub("accelerator")),
        platform=platform.raw,
        references=tuple(_references(platform, ())),
        timeout_seconds=_timeout(platform),
        kind=_CLAIMS[claim[1]] if claim is not None else LaunchKind.CONTAINER,
        workspace=any(map(items_workspace, (*command, *args))) or any(uses_workspace(each) for _, each in env),
    )


def _items(place: Place, key: str) -> tuple[Item, ...]:
    return tuple(_parsed(place, f"{key}[{index}]", read_item, text) for index, text in enumerate(place.texts(key)))


def _parsed(place: Place, key: str, read: Callable[[str], _Read], text: str) -> _Read:
    try:
        return read(text)
    except ValueError as error:
        place.fail(str(error), key)


def _quantities(resources: Place, which: str) -> Mapping[str, Template]:
    """Return the newer spelling, a text perhaps with placeholders, else the older, a number of cores or 1e9 bytes."""
    found = {}
    for name, title, unit in _RESOURCES:
        new = resources.value(f"resource{title}{which}")
        old = resources.value(f"{name}{which}")
        if new is not None and new != "":
            found[name] = _amount(resources, f"resource{title}{which}", new, "")
        elif old:
            found[name] = _amount(resources, f"{name}{which}", old, unit)
    return found


def _amount(place: Place, key: str, value: Any, unit: str) -> Template:  # noqa: ANN401 - raw JSON
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        place.fail(f"must be a quantity, not {shown(value)}", key)
    if isinstance(value, str):
        return read_template(value)
    return (f"{value:.15g}{unit}",)


def _accelerator(place: Place) -> tuple[Template, Template] | None:
    kind = place.text("resourceType") or place.text("type")
    count = place.value("resourceCount") or place.value("count")
    if not kind or not count:
        return None
    return read_template(kind), _amount(place, "count", count, "")


def _timeout(platform: Place) -> int | None:
    value = platform.value("activeDeadlineSeconds")
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        platform.fail(f"must be a whole number of seconds, not {shown(value)}", "activeDeadlineSeconds")
    return int(text) or None


def _references(place: Place, location: tuple[str | int, ...]) -> Iterator[PlatformReference]:
    """Yield each mapping in the platform configuration that stands for a value, the outermost of nested ones."""
    if len(location) > _DEEPEST:
        place.fail(f"is nested deeper than {_DEEPEST} levels")
    if location and any(place.has(key) for key in _REFERENCES):
        yield PlatformReference(location, _binding(place))
        return
    for key, value in sorted(place.raw.items(), key=lambda entry: str(entry[0])):
        # The texts of labels and annotations are their author's, whatever their keys are called.
        if key in {"podMetadata", "metadata"}:
            continue
        if isinstance(value, dict):
            yield from _references(place.required(key), (*location, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    child = Place(place.subject, place.at(f"{key}[{index}]"), item)
                    yield from _references(child, (*location, key, index))


def _binding(place: Place) -> ParameterBinding:
    said: Said = read_parameter(place)
    if said.selector is None:
        return ParameterBinding(said.origin)
    return ParameterBinding(said.origin, _parsed(place, "parameterExpressionSelector", read_expression, said.selector))
