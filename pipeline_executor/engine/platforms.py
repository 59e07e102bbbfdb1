"""The platform configuration of one attempt: every reference in it replaced by its value."""

from collections.abc import Mapping
from typing import Any, Final

from pipeline_executor.engine.program import Container, PlatformReference
from pipeline_executor.engine.resolving import Surroundings, bound, is_absent
from pipeline_executor.engine.templates import Filling, fill_deeply
from pipeline_splitter.kfp.bindings import Given

_CLAIMS: Final = "pvcMount"
_CLAIM_NAME: Final = "pvcNameParameter"
_BINDING_KEYS: Final = frozenset(
    {"taskOutputParameter", "componentInputParameter", "runtimeValue", "parameterExpressionSelector", "constant"}
)


def resolved_platform(here: Surroundings, container: Container, filling: Filling) -> Mapping[str, Any]:
    """Return the executor's entry of the platform document, with values where references stood.

    An entry of a list, or the one mapping under a key, whose reference is an optional input without a value is left
    out. A claim to mount has its name under `pvcNameParameter`, however it was written.

    Raises:
        InputError: a value can't be had.
    """
    if not container.platform:
        return {}
    entry: dict[str, Any] = _copied(container.platform)
    dropped: set[tuple[str | int, ...]] = set()
    for reference in container.references:
        value = _value(here, reference, filling)
        if is_absent(value) or value is None:
            dropped.add(_whole(reference.location))
        else:
            _put(entry, reference.location, value)
    for mount in entry.get(_CLAIMS, ()):
        if "constant" in mount:
            mount[_CLAIM_NAME] = mount.pop("constant")
    for location in sorted(dropped, key=_from_behind):
        if len(location) > 1:
            del entry[str(location[0])][location[1]]
        else:
            entry.pop(str(location[0]), None)
    return entry


def _whole(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the mount, the variable, the selector that a reference is a part of."""
    return location[:2] if len(location) > 1 and isinstance(location[1], int) else location[:1]


def _from_behind(location: tuple[str | int, ...]) -> tuple[str, int]:
    """Order the entries of a list from its end, so that the others stay where they are."""
    index = location[1] if len(location) > 1 else 0
    return str(location[0]), -int(index)


def _value(here: Surroundings, reference: PlatformReference, filling: Filling) -> Any:  # noqa: ANN401 - JSON
    binding = reference.binding
    name = ".".join(map(str, reference.location))
    if isinstance(binding.origin, Given):
        try:
            return fill_deeply(binding.origin.value, filling)
        except ValueError as error:
            raise here.fail(f"platform {name}", str(error)) from None
    return bound(here, name, binding, filling.parameters)


def _put(entry: dict[str, Any], location: tuple[str | int, ...], value: Any) -> None:  # noqa: ANN401
    holder: Any = entry
    for key in location[:-1]:
        holder = holder[key]
    place = holder[location[-1]]
    if location[0] == _CLAIMS and isinstance(location[-1], int):
        # Older files hold the binding in the mount itself.
        holder[location[-1]] = {key: each for key, each in place.items() if key not in _BINDING_KEYS}
        holder[location[-1]][_CLAIM_NAME] = value
    else:
        holder[location[-1]] = value


def _copied(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
