"""Hive's types and formats in our words. Pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dataset_operator.listing.names import Format

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tinyint": "int8",
        "smallint": "int16",
        "int": "int32",
        "integer": "int32",
        "bigint": "int64",
        "float": "float",
        "double": "double",
        "boolean": "bool",
        "string": "string",
        "binary": "binary",
        "date": "date32[day]",
        "timestamp": "timestamp[ns]",
    }
)
_TEXTS: Final = re.compile(r"(var)?char\(\d+\)")
_DECIMAL: Final = re.compile(r"decimal\((\d+),(\d+)\)")
# What the class that reads a table's rows has in its name.
_FORMATS: Final = (("parquet", Format.PARQUET), ("opencsv", Format.CSV), ("json", Format.JSONL))


def arrow_type(hive_type: str) -> str:
    """Arrow's name of a type; what is made of several stays as Hive writes it."""
    name = hive_type.strip().lower()
    if _TEXTS.fullmatch(name):
        return "string"
    if exact := _DECIMAL.fullmatch(name):
        return f"decimal128({exact[1]}, {exact[2]})"
    return _TYPES.get(name, hive_type)


def format_of(serialization: str) -> Format:
    """The format of a table's files, by the class that reads its rows."""
    name = serialization.lower()
    return next((form for part, form in _FORMATS if part in name), Format.UNKNOWN)
