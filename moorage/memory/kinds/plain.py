"""What Python itself has: numbers, text, bytes, and dicts, lists and tuples of whatever else is kept."""

from collections.abc import Callable
from typing import Any, Final

from moorage.memory.layout import MemoryObjectError, Node

_EXACT: Final = frozenset({type(None), bool, str})
_MOST_DIGITS: Final = 4_000
KINDS: Final = frozenset({"plain", "int", "float", "complex", "bytes", "dict", "list", "tuple"})


def write(value: Any, inner: Callable[[Any], Node]) -> Node | None:  # noqa: ANN401, PLR0911 - a table, as cases
    """What a value is; None: it is of another kind, subclasses included, which may be more than they look."""
    match value:
        case _ if type(value) is str and not value.isascii() and _has_surrogates(value):
            return {"kind": "bytes", "hex": value.encode(errors="surrogatepass").hex(), "text": True}
        case _ if type(value) in _EXACT:
            return {"kind": "plain", "value": value}
        case int() if type(value) is int:
            return {"kind": "int", "hex": hex(value)} if value.bit_length() <= 4 * _MOST_DIGITS else None
        case float() if type(value) is float:
            return {"kind": "float", "hex": value.hex()} if value == value else None  # noqa: PLR0124 - NaNs differ
        case complex() if type(value) is complex:
            return {"kind": "complex", "hex": [value.real.hex(), value.imag.hex()]} if value == value else None  # noqa: PLR0124
        case bytes() if type(value) is bytes and len(value) <= _MOST_DIGITS:
            return {"kind": "bytes", "hex": value.hex()}
        case dict() if type(value) is dict:
            return {"kind": "dict", "items": [[inner(key), inner(each)] for key, each in value.items()]}
        case list() if type(value) is list:
            return {"kind": "list", "items": [inner(each) for each in value]}
        case tuple() if type(value) is tuple:
            return {"kind": "tuple", "items": [inner(each) for each in value]}
    return None


def read(node: Node, inner: Callable[[Node], Any]) -> Any:  # noqa: ANN401, PLR0911 - a table, as cases
    """The value that is described.

    Raises:
        MemoryObjectError: the description makes no sense.
        ValueError, TypeError, KeyError: likewise.
    """
    match node["kind"]:
        case "plain" if type(node["value"]) in _EXACT:
            return node["value"]
        case "int" if len(node["hex"]) <= _MOST_DIGITS + 8:
            return int(node["hex"], 16)
        case "float":
            return float.fromhex(node["hex"])
        case "complex":
            real, imaginary = node["hex"]
            return complex(float.fromhex(real), float.fromhex(imaginary))
        case "bytes":
            content = bytes.fromhex(node["hex"])
            return content.decode(errors="surrogatepass") if node.get("text") else content
        case "dict":
            return {inner(key): inner(each) for key, each in node["items"]}
        case "list":
            return [inner(each) for each in node["items"]]
        case "tuple":
            return tuple(inner(each) for each in node["items"])
    raise MemoryObjectError("its description makes no sense")


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
