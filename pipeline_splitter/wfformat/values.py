"""Checked access to the parts of a recording. Places are put into words only when something is wrong."""

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from moorage.errors import InputError
from pipeline_splitter.documents.limits import MOST
from pipeline_splitter.documents.shown import shown

Raw = Mapping[str, Any]


def fail(subject: str, place: str, problem: str) -> NoReturn:
    """Raise InputError at this place."""
    raise InputError(subject, place, problem)


def mapping(raw: Raw, key: str, subject: str, place: str) -> Raw:
    """Return the mapping under `key`."""
    value = raw.get(key)
    if not isinstance(value, Mapping):
        fail(subject, f"{place}.{key}", "must be a mapping: is this a complete WfFormat file?")
    return value


def entries(raw: Raw, key: str, subject: str, place: str) -> list[Raw]:
    """Return the mappings of the list under `key`; absent is empty."""
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        fail(subject, f"{place}.{key}", "must be a list")
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            fail(subject, f"{place}.{key}[{index}]", "must be a mapping")
    return value


def text(raw: Raw, key: str, subject: str, place: str) -> str:
    """Return the string under `key`, not empty."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        fail(subject, f"{place}.{key}", f"{shown(value)} must be a string that is not empty")
    return value


def texts(raw: Raw, key: str, subject: str, place: str) -> tuple[str, ...]:
    """Return the strings of the list under `key`, each once; absent is empty."""
    value = raw.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        fail(subject, f"{place}.{key}", "must be a list of strings")
    return tuple(dict.fromkeys(value))


def number(raw: Raw, keys: tuple[str, ...], subject: str, place: str) -> float | None:
    """Return the number >= 0 under the first of `keys` that is there; None where none is."""
    for key in keys:
        value = raw.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            fail(subject, f"{place}.{key}", f"{shown(value)} must be a number")
        try:
            amount = float(value)
        except OverflowError:
            amount = math.inf
        if not 0 <= amount <= MOST:
            fail(subject, f"{place}.{key}", f"{shown(value)} must be a number from 0 to {MOST:g}")
        return amount
    return None
