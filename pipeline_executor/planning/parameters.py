"""The values that a run gives its pipeline: each must be one that the pipeline takes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moorage.errors import InputError

_FITS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "STRING": ("a text", lambda value: isinstance(value, str)),
    "NUMBER_INTEGER": (
        "a whole number",
        lambda value: isinstance(value, int) and not isinstance(value, bool),
    ),
    "NUMBER_DOUBLE": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "BOOLEAN": ("true or false", lambda value: isinstance(value, bool)),
    "LIST": ("a list", lambda value: isinstance(value, list)),
    "STRUCT": ("a mapping", lambda value: isinstance(value, Mapping)),
}


def root_parameters(document: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return a compiled pipeline's parameters: by name, `parameterType`, `defaultValue` and `isOptional`."""
    root = document.get("root") or {}
    found: Mapping[str, Mapping[str, Any]] = (root.get("inputDefinitions") or {}).get("parameters") or {}
    return found


def check_parameters(given: Mapping[str, Any], documents: Sequence[Any]) -> None:
    """Refuse what the pipeline does not take, what has another type, and what is missing.

    Raises:
        InputError: naming the parameter and the remedy.
    """
    document = documents[0] if documents and isinstance(documents[0], Mapping) else {}
    known = root_parameters(document)
    for name in sorted(given):
        if name not in known:
            listed = ", ".join(sorted(known)[:10]) or "none"
            problem = f"is no parameter of the pipeline (it has: {listed}): leave it out, or correct its name"
            raise InputError("run", f"spec.parameters[{name[:80]!r}]", problem)
        kind = str(known[name].get("parameterType") or "")
        words, fits = _FITS.get(kind, ("", lambda _value: True))
        if given[name] is not None and not fits(given[name]):
            raise InputError("run", f"spec.parameters[{name!r}]", f"must be {words}")
    for name in sorted(known.keys() - given.keys()):
        if "defaultValue" not in known[name] and not known[name].get("isOptional"):
            problem = "is missing, and the pipeline has no default for it: give it a value"
            raise InputError("run", f"spec.parameters[{name[:80]!r}]", problem)
