"""Settings come from `MOORAGE_*` environment variables, are read once at the start, and are frozen from then on.

A room says in its own `settings.py` what it wants to know; the variable's name is the field's, the type is the field's:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class BrokerSettings:
        listen_port: int = setting("The HTTPS port.", default=8443, minimum=1, maximum=65535)
        drain_seconds: float = setting("How long running requests may take at the end.", default=10.0, minimum=0)
        audience: str = setting("Who node tokens must be meant for.")                # no default: must be given
        ca_file: Path | None = setting("Trusted certificates.", default=None)
        kubeconfig: Path | None = setting("Which cluster.", default=None, variable="KUBECONFIG")

    settings = read(BrokerSettings)      # MOORAGE_LISTEN_PORT, MOORAGE_DRAIN_SECONDS, ...

Types: str, int, float, bool, Path, tuple[str, ...] (comma separated), StrEnum, and each of them `| None`. An empty
variable counts as unset. For everything else, give `parse`, which raises ValueError with what is wrong. What can't be
read is a `SettingError` that names variable, value and remedy.

Kubernetes itself sets `<SERVICE>_PORT`, `<SERVICE>_SERVICE_HOST` and `<SERVICE>_SERVICE_PORT` for every Service: a
field named `broker_port` would one day read `tcp://10.96.0.7:8443`. Name ports otherwise, as `listen_port`.
"""

import dataclasses
import enum
import logging
import os
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from moorage.errors import SettingError

PREFIX = "MOORAGE_"

T = TypeVar("T")

_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_MOST_SHOWN = 200
_EXAMPLES: dict[object, str] = {
    int: "a whole number, such as 8443",
    float: "a number, such as 2.5",
    bool: "true or false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    help: str
    variable: str
    minimum: float | None
    maximum: float | None
    secret: bool
    parse: Callable[[str], object] | None


@dataclass(frozen=True, slots=True)
class Description:
    """One setting, for documentation and tests of charts.

    Attributes:
        variable: the environment variable.
        help: what it means.
        default: as it would be written; None where it must be given.
    """

    variable: str
    help: str
    default: str | None


def setting(  # noqa: PLR0913 - each is a keyword, and a declaration reads as a sentence
    help: str,  # noqa: A002 - the word that argparse and click use
    *,
    default: Any = dataclasses.MISSING,  # noqa: ANN401 - as dataclasses.field
    variable: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    secret: bool = False,
    parse: Callable[[str], object] | None = None,
) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare a field of a settings class.

    Args:
        help: what it means, one sentence, with the unit.
        default: where the variable is not set; without it, the variable must be.
        variable: another name than MOORAGE_ + the field's.
        minimum: of numbers, inclusive.
        maximum: of numbers, inclusive.
        secret: the value is never shown, in errors neither.
        parse: makes the value of the text, or raises ValueError.
    """
    rule = _Rule(help=help, variable=variable, minimum=minimum, maximum=maximum, secret=secret, parse=parse)
    return dataclasses.field(default=default, metadata={"setting": rule}, repr=not secret)


def read(settings: type[T], environment: Mapping[str, str] | None = None) -> T:
    """Read a settings class from the environment.

    Raises:
        SettingError: a variable is missing or can't be read.
    """
    known = os.environ if environment is None else environment
    types_of = typing.get_type_hints(settings)
    values: dict[str, object] = {}
    for field, rule, variable in _fields(settings):
        text = known.get(variable, "").strip()
        if text:
            values[field.name] = _parse(variable, text, types_of[field.name], rule)
        elif field.default is dataclasses.MISSING:
            raise SettingError(
                "environment", variable, f"is not set; {rule.help} Set it to {_wanted(types_of[field.name])}"
            )
    return settings(**values)


def describe(settings: type[object]) -> list[Description]:
    """List what a settings class reads, in its order."""
    return [
        Description(
            variable,
            rule.help,
            None if field.default is dataclasses.MISSING else "" if field.default is None else _write(field.default),
        )
        for field, rule, variable in _fields(settings)
    ]


def parse_level(text: str) -> str:
    """Read a log level, in capitals.

    Raises:
        ValueError: there is no such level.
    """
    if text.upper() not in logging.getLevelNamesMapping():
        raise ValueError("there is no such level")
    return text.upper()


def _fields(settings: type[Any]) -> list[tuple[dataclasses.Field[Any], _Rule, str]]:
    found = []
    for field in dataclasses.fields(settings):
        rule = field.metadata["setting"]
        variable = rule.variable or PREFIX + field.name.upper()
        found.append((field, rule, variable))
    return found


def _parse(variable: str, text: str, wanted: object, rule: _Rule) -> object:
    shown = "its value" if rule.secret else repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
    try:
        value = rule.parse(text) if rule.parse else _convert(text, _bare(wanted))
    except ValueError as error:
        detail = f": {error}" if rule.parse and not rule.secret else ""
        if text.startswith("tcp://"):
            detail = " (Kubernetes sets this name for a Service: set enableServiceLinks to false in the pod)"
        problem = f"{shown} can't be read{detail}; set it to {_wanted(wanted)}. {rule.help}"
        raise SettingError("environment", variable, problem) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if rule.minimum is not None and not value >= rule.minimum:
            raise SettingError(
                "environment", variable, f"{shown} is too small; the minimum is {rule.minimum:g}. {rule.help}"
            )
        if rule.maximum is not None and not value <= rule.maximum:
            raise SettingError(
                "environment", variable, f"{shown} is too large; the maximum is {rule.maximum:g}. {rule.help}"
            )
    return value


def _bare(wanted: object) -> object:
    """Return the type without `| None`."""
    if isinstance(wanted, types.UnionType):
        return next(part for part in typing.get_args(wanted) if part is not types.NoneType)
    return wanted


def _convert(text: str, wanted: object) -> object:
    if wanted is bool:
        if text.lower() not in _WORDS:
            raise ValueError
        return _WORDS[text.lower()]
    if wanted in {str, int, float, Path} or (isinstance(wanted, type) and issubclass(wanted, enum.StrEnum)):
        return typing.cast("Callable[[str], object]", wanted)(text)
    if wanted == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    message = f"settings of type {wanted} need a parse function"
    raise TypeError(message)


def _wanted(wanted: object) -> str:
    bare = _bare(wanted)
    if isinstance(bare, type) and issubclass(bare, enum.StrEnum):
        return "one of " + ", ".join(member.value for member in bare)
    if bare == tuple[str, ...]:
        return "a comma-separated list"
    return _EXAMPLES.get(bare, "a path" if bare is Path else "a text")


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)
