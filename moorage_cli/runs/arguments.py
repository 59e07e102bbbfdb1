"""A pipeline's parameters from the command line, by the types that the pipeline declares. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from moorage.errors import InputError
from pipeline_splitter.kfp.spec import Spec, unwrap_value

_TEXT = frozenset({"STRING", ""})


def read_arguments(spec: Spec, given: Iterable[str], from_file: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run; what `given` says wins over the file.

    Args:
        spec: the pipeline.
        given: as `name=value`; a value is JSON where the pipeline declares anything but a string.
        from_file: by name.

    Raises:
        InputError: a parameter that the pipeline does not have, one that is missing, or a value of another type.
    """
    declared = _declared(spec)
    values = dict(from_file)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError("-p", text, "is no parameter: write name=value")
        values[name] = _typed(name, value, _type(declared, name))
    for name in values:
        _type(declared, name)
    missing = [name for name, about in declared.items() if name not in values and not _has_default(spec, name, about)]
    if missing:
        raise InputError(
            "-p", missing[0], f"is missing, and the pipeline has no default for it: add -p {missing[0]}=..."
        )
    return values


def check_takes_text(spec: Spec, name: str, said_by: str) -> None:
    """Refuse what is no parameter of the pipeline, and one that takes anything but a string.

    Raises:
        InputError: naming the option and the parameter.
    """
    kind = _type(_declared(spec), name, said_by)
    if kind not in _TEXT:
        raise InputError(said_by, name, f"is a {kind} in this pipeline: name a parameter that is a string")


def _declared(spec: Spec) -> Mapping[str, Mapping[str, Any]]:
    inputs = spec.pipeline.required("root").sub("inputDefinitions")
    artifacts = inputs.sub("artifacts").raw
    if artifacts:
        name = min(artifacts)
        raise InputError(
            spec.name, f"root.inputDefinitions.artifacts.{name}", "can't be given to a run: import it in the pipeline"
        )
    return inputs.sub("parameters").raw


def _type(declared: Mapping[str, Mapping[str, Any]], name: str, said_by: str = "-p") -> str:
    if name not in declared:
        known = ", ".join(sorted(declared)) or "none"
        raise InputError(said_by, name, f"is no parameter of this pipeline; it has {known}")
    about = declared[name]
    return str(about.get("parameterType") or about.get("type") or "")


def _typed(name: str, text: str, kind: str) -> Any:  # noqa: ANN401 - any JSON
    if kind in _TEXT:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        raise InputError("-p", name, f"is a {kind}: write it as JSON, for example {_EXAMPLES.get(kind, '1')}") from None
    if not isinstance(value, _PYTHON.get(kind, object)) or (isinstance(value, bool) and kind != "BOOLEAN"):
        raise InputError("-p", name, f"must be a {kind}, for example {_EXAMPLES.get(kind, '1')}")
    return value


_PYTHON: dict[str, Any] = {
    "NUMBER_INTEGER": int,
    "INT": int,
    "NUMBER_DOUBLE": (int, float),
    "DOUBLE": (int, float),
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
}
_EXAMPLES = {"NUMBER_DOUBLE": "0.5", "BOOLEAN": "true", "LIST": "'[1, 2]'", "STRUCT": "'{\"a\": 1}'"}


def _has_default(spec: Spec, name: str, about: Mapping[str, Any]) -> bool:
    if about.get("isOptional") or "defaultValue" in about:
        return True
    return unwrap_value(spec.pipeline_default(name)) is not None
