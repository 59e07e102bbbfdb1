"""Validation of a run's parameters against those that its pipeline takes. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kfp_api.answers import invalid, shortened

MOST_PARAMETERS: Final = 256


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    # JSON of protobuf writes whole numbers as doubles.
    return _is_number(value) and float(str(value)).is_integer()


_TYPES: Final[Mapping[str, tuple[str, Callable[[object], bool]]]] = {
    "NUMBER_INTEGER": ("a whole number", _is_whole),
    "INT": ("a whole number", _is_whole),
    "NUMBER_DOUBLE": ("a number", _is_number),
    "DOUBLE": ("a number", _is_number),
    "STRING": ("a text", lambda value: isinstance(value, str)),
    "BOOLEAN": ("true or false", lambda value: isinstance(value, bool)),
    "LIST": ("a list", lambda value: isinstance(value, list)),
    "STRUCT": ("an object", lambda value: isinstance(value, dict)),
}


def check_parameters(given: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """Refuse parameters that are unknown, missing or of another type.

    Args:
        given: by the run.
        inputs: as the pipeline's root declares them.

    Raises:
        RequestError: naming the parameter.
    """
    if len(given) > MOST_PARAMETERS:
        raise invalid(f"runtime_config.parameters: must be at most {MOST_PARAMETERS}")
    for name, value in given.items():
        declared = inputs.get(name)
        at = f"runtime_config.parameters[{shortened(name)}]"
        if not isinstance(declared, Mapping):
            known = ", ".join(sorted(inputs)) or "none"
            raise invalid(f"{at}: the pipeline has no such input; it has {shortened(known, 500)}")
        if value is None and declared.get("isOptional"):
            continue
        words, is_one = _TYPES.get(str(declared.get("parameterType") or declared.get("type")), ("", None))
        if is_one is not None and not is_one(value):
            raise invalid(f"{at}: must be {words}")
    missing = [
        name
        for name, declared in inputs.items()
        if name not in given
        and isinstance(declared, Mapping)
        and "defaultValue" not in declared
        and not declared.get("isOptional")
    ]
    if missing:
        raise invalid(f"runtime_config.parameters: {shortened(', '.join(sorted(missing)), 500)} must be given")
