"""HTML that escapes by itself: text becomes text, whoever wrote it. Pure.

`element("td", name, class_="name")`. What is already HTML is `Markup`, and only this module makes that. Control
characters and what turns the direction of writing are shown, not obeyed. Addresses lead to this server only.
"""

import html
import json
import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode


class Markup(str):
    """Safe HTML text."""

    __slots__ = ()


Content: TypeAlias = "str | int | Iterable[Content] | None"
Attribute: TypeAlias = str | int | bool | None

_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_VOID: Final = frozenset({"br", "hr", "input", "link", "meta"})
_ADDRESSES: Final = frozenset({"href", "action", "src"})
_JSON_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def element(tag: str, /, *children: Content, **attributes: Attribute) -> Markup:
    """Return one element. `class_` is `class`, `data_key` is `data-key`; None and False leave an attribute out.

    Raises:
        ValueError: an address leads elsewhere.
    """
    written = "".join(_attribute(name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*children: Content) -> Markup:
    """Join several after each other."""
    return Markup("".join(_content(child) for child in children))


def visible(text: str) -> str:
    """Return the text, with what a reader would not see, or be misled by, as escapes."""
    return _OBEYED.sub(lambda found: _escape(ord(found[0])), text)


def address(*parts: str, **query: str | int | None) -> str:
    """Return a path of this server: each part is one segment, whatever is in it."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    told = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(told)}" if told else path


def data_block(identity: str, value: Any, **attributes: Attribute) -> Markup:  # noqa: ANN401 - whatever is JSON
    """Return JSON for a script to read: nothing in it can end its element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _JSON_ESCAPES.items():
        text = text.replace(character, escape)
    text = text.encode("utf-8", "backslashreplace").decode()
    head = "".join(_attribute(name.replace("_", "-"), each) for name, each in attributes.items())
    return Markup(f'<script type="application/json" id="{html.escape(identity)}"{head}>{text}</script>')


def document(content: Markup) -> bytes:
    """Encode a whole HTML document."""
    return f"<!doctype html>\n{content}".encode("utf-8", "replace")


def _content(child: Content) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int):
        return html.escape(visible(str(child)))
    return "".join(_content(each) for each in child)


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    text = visible(str(value))
    if name in _ADDRESSES and (not text.startswith(("/", "#", "?")) or text.startswith(("//", "/\\"))):
        raise ValueError(f"{name} leads to another server: {text[:80]}")
    return f' {name}="{html.escape(text)}"'


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - two digits or four
