"""JSON text to values, with the standard library's C scanner; what it lets pass is looked for afterwards."""

import json
import math
import re
from typing import Any, NoReturn

import yaml

from moorage.errors import InputError
from pipeline_splitter.documents.limits import (
    LONE_SURROGATE,
    MAX_DEPTH,
    MAX_JSON_NODES,
    MAX_NUMBER_LENGTH,
    NOT_A_NUMBER,
    TOO_DEEP,
    TOO_LARGE_NUMBER,
    fail,
    has_lone_surrogate,
    place,
)
from pipeline_splitter.documents.shown import shown
from pipeline_splitter.documents.yaml_text import read_yaml

# An unterminated string runs to the end, so that scanning stays linear.
_TOKEN = re.compile(
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))"""
    r"|(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)"
    r"|(?P<constant>NaN|-?Infinity)|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)",
    re.DOTALL,
)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


_SURELY_FINITE = 300
"""Digits of an integer that a double can hold, whatever they are."""


class _NotPlainError(Exception):
    """A key appears twice, or a number is not finite."""


def parse_json(text: str, subject: str) -> list[Any]:
    """Read the one document of a JSON text, or the documents of a YAML text that begins like JSON.

    Raises:
        InputError: with line and column, and the remedy.
    """
    nodes = text.count(",") + text.count("[") + text.count("{")
    if nodes > MAX_JSON_NODES:
        raise InputError(
            subject, "size", f"has more than {MAX_JSON_NODES} values: that is not a pipeline; leave data out"
        )
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_float, parse_int=_integer
        )
    except json.JSONDecodeError as error:
        return _parse_as_yaml(text, subject, error)
    except (_NotPlainError, RecursionError) as error:
        _refuse_fault(text, subject)
        raise InputError(subject, "line 1", f"can't be read as JSON ({error}): correct it") from None
    if _is_too_deep(value) or ("\\u" in text and _ESCAPED_SURROGATE.search(text)):
        _refuse_fault(text, subject)
    return [value]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _NotPlainError
    return value


def _refuse_constant(_word: str) -> NoReturn:
    raise _NotPlainError


def _float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value) or len(literal) > MAX_NUMBER_LENGTH:
        raise _NotPlainError
    return value


def _integer(literal: str) -> int:
    if len(literal) > _SURELY_FINITE and (len(literal) > MAX_NUMBER_LENGTH or math.isinf(float(literal))):
        raise _NotPlainError
    return int(literal)


def _parse_as_yaml(text: str, subject: str, error: json.JSONDecodeError) -> list[Any]:
    """YAML may begin with a brace, too; where it is neither, JSON's message is the clearer one."""
    try:
        return read_yaml(text, subject)
    except yaml.YAMLError:
        fail(subject, error.lineno, error.colno, f"is not JSON ({error.msg}): correct it, or write the file again")


def _is_too_deep(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            items = container.values() if container.__class__ is dict else container
            below += [item for item in items if item.__class__ is dict or item.__class__ is list]
        if not below:
            return False
        level = below
    return True


def _refuse_fault(text: str, subject: str) -> None:
    """Find where the text holds what the scanner can't tell the place of, or lets pass; the first such place."""
    keys: list[set[str] | None] = []
    at_key = False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        problem = ""
        if kind == "open":
            at_key = token[0] == "{"
            keys.append(set() if at_key else None)
            problem = TOO_DEEP if len(keys) > MAX_DEPTH else ""
        elif kind == "close":
            del keys[-1:]
            at_key = False
        elif kind == "comma":
            at_key = bool(keys) and keys[-1] is not None
        elif kind == "string":
            string = _unescape(token[0])
            seen = keys[-1] if keys and at_key else None
            problem = LONE_SURROGATE if has_lone_surrogate(string) else ""
            if seen is not None:
                problem = problem or (f"key {shown(string)} appears twice: keep one of them" if string in seen else "")
                seen.add(string)
            at_key = False
        elif kind == "constant":
            problem = NOT_A_NUMBER
        elif len(token[0]) > MAX_NUMBER_LENGTH or math.isinf(float(token[0])):
            problem = TOO_LARGE_NUMBER
        if problem:
            fail(subject, *place(text, token.start()), problem)


def _unescape(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal
