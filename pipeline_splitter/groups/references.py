"""A container's platform configuration with its references to tasks and inputs as its group names them."""

from collections.abc import Mapping
from typing import Any

from pipeline_splitter.kfp.pipeline import Raw

_KEYS = ("taskOutputParameter", "componentInputParameter", "runtimeValue", "parameterExpressionSelector")


def rewritten(configuration: Raw, references: Mapping[tuple[str | int, ...], Raw | None]) -> Raw:
    """Return the configuration with each reference replaced.

    Args:
        configuration: of one executor.
        references: location of the mapping that refers -> the binding to stand there; None: nothing is given.
    """
    result: Any = configuration
    for location, binding in sorted(references.items(), key=lambda item: tuple(map(str, item[0]))):
        result = _replaced(result, location, binding, is_field=False)
    changed: Raw = result
    return changed


def _replaced(value: Any, location: tuple[str | int, ...], binding: Raw | None, *, is_field: bool) -> Any:  # noqa: ANN401 - raw JSON
    if location:
        key, rest = location[0], location[1:]
        inner = _replaced(value[key], rest, binding, is_field=isinstance(key, str))
        if isinstance(value, list):
            return [inner if index == key else item for index, item in enumerate(value)]
        return {**value, key: inner}
    kept = {key: item for key, item in value.items() if key not in _KEYS}
    if binding is None:
        return kept
    if not is_field and "runtimeValue" in binding:
        # The older form, straight in a list's element, holds constants without their wrapping.
        return {**kept, "constant": binding["runtimeValue"]["constant"]}
    return {**kept, **binding}
