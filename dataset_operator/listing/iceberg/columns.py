"""Iceberg's types, formats and transforms in our words. Pure."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from dataset_operator.listing.catalogues.protocol import LONGEST_TYPE
from dataset_operator.listing.names import Format

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "boolean": "bool",
        "int": "int32",
        "long": "int64",
        "float": "float",
        "double": "double",
        "date": "date32[day]",
        "time": "time64[us]",
        "timestamp": "timestamp[us]",
        "timestamptz": "timestamp[us, tz=UTC]",
        "timestamp_ns": "timestamp[ns]",
        "timestamptz_ns": "timestamp[ns, tz=UTC]",
        "string": "string",
        "uuid": "fixed_size_binary[16]",
        "binary": "binary",
    }
)
_DECIMAL: Final = re.compile(r"decimal\((\d+), ?(\d+)\)")
_FIXED: Final = re.compile(r"fixed\[(\d+)\]")
_FORMATS: Final = {"parquet": Format.PARQUET}
_USUAL_FORMAT: Final = "parquet"


def arrow_type(raw: object) -> str:
    """Arrow's name of a type, as long as a status needs it."""
    if isinstance(raw, dict):
        return _nested(raw)[: LONGEST_TYPE + 1]
    if not isinstance(raw, str):
        return ""
    if exact := _DECIMAL.fullmatch(raw):
        return f"decimal128({exact[1]}, {exact[2]})"
    if exact := _FIXED.fullmatch(raw):
        return f"fixed_size_binary[{exact[1]}]"
    return _TYPES.get(raw, raw)


def _nested(raw: Mapping[str, Any]) -> str:
    match raw.get("type"):
        case "list":
            return f"list<{arrow_type(raw.get('element'))}>"
        case "map":
            return f"map<{arrow_type(raw.get('key'))}, {arrow_type(raw.get('value'))}>"
        case "struct":
            fields = [each for each in raw.get("fields") or () if isinstance(each, dict)]
            return _struct(fields)
    return ""


def _struct(fields: Sequence[Mapping[str, Any]]) -> str:
    told = [f"{each.get('name')}: {arrow_type(each.get('type'))}" for each in fields]
    return f"struct<{', '.join(told)}>"


def format_of(properties: Mapping[str, str]) -> Format:
    """The format of a table's files, by its properties."""
    return _FORMATS.get(properties.get("write.format.default", _USUAL_FORMAT).lower(), Format.UNKNOWN)


def partitioned_by(column: str, transform: str) -> str:
    """What tells partitions apart: a column, or what is made of it, as `day(ts)`."""
    if transform in {"identity", ""}:
        return column
    return f"{transform}({column})"
