"""Reads what is wanted of a JSON text, and passes over the rest without holding it. Pure.

A catalogue chooses how much it answers. Python's own reader makes objects of all of it, which take twenty times the
memory of `[[],[],...`; here only what is wanted is made, and an `Allowance` counts it.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dataset_operator.listing.catalogues.allowance import Allowance

_TOKEN: Final = re.compile(
    rb"[ \t\r\n]*+(?:"
    rb"(?P<mark>[{}\[\],:])"
    rb'|(?P<text>"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,4})?)"
    rb"|(?P<word>true|false|null))"
)
_WORDS: Final = {b"true": True, b"false": False, b"null": None}
_MOST_TOKENS: Final = 2_000_000
_MOST_DEPTH: Final = 40
LONGEST_TEXT: Final = 4096
"""Characters of a text that is kept."""
_WIDEST_ESCAPE_BYTES: Final = 6
# What an object or a list needs, and what each entry adds to it, at most: a number included, a text not.
_CONTAINER_BYTES: Final = 224
_ENTRY_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Item:
    """Of a list: one item alone.

    Attributes:
        number: which, from 0.
        wanted: of it.
    """

    number: int
    wanted: "Wanted"


Wanted: TypeAlias = "Mapping[str, Wanted] | Item | None"
"""Which fields of an object, or of the objects in a list, are wanted, and what of them; None is everything.

What is no object or list is wanted as it is.
"""


class DocumentError(Exception):
    """It is no JSON text, or has more than anybody needs."""


def read_document(body: bytes, wanted: Wanted, allowance: Allowance) -> Any:  # noqa: ANN401 - whatever is wanted
    """What is wanted of a JSON text.

    Args:
        body: all of it.
        wanted: what.
        allowance: of the whole look.

    Raises:
        DocumentError: it can't be read.
        SourceError: ListTooLarge, more is wanted than one look may hold.
    """
    reader = _Reader(body, allowance)
    found = reader.value(reader.token(), 0, wanted)
    if body[reader.position :].strip(b" \t\r\n"):
        raise DocumentError("it goes on after its end")
    return found


@dataclass(slots=True)
class _Reader:
    body: bytes
    allowance: Allowance
    position: int = 0
    tokens: int = 0

    def token(self) -> re.Match[bytes]:
        """The next one."""
        self.tokens += 1
        if self.tokens > _MOST_TOKENS:
            raise DocumentError("it has more values than a table of any use")
        found = _TOKEN.match(self.body, self.position)
        if found is None:
            raise DocumentError("it is no JSON, or breaks off")
        self.position = found.end()
        return found

    def value(self, token: re.Match[bytes], depth: int, wanted: Wanted) -> Any:  # noqa: ANN401 - whatever it is
        if depth > _MOST_DEPTH:
            raise DocumentError("it has deeper values than a table of any use")
        if token.lastgroup != "mark":
            return self._scalar(token)
        self.allowance.take(held_bytes=_CONTAINER_BYTES + _ENTRY_BYTES)
        match token["mark"]:
            case b"{":
                return self._object(depth, wanted)
            case b"[":
                return self._list(depth, wanted)
        raise DocumentError("it is no JSON")

    def _object(self, depth: int, wanted: Wanted) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token = self.token()
        while token["mark"] != b"}":
            if token["text"] is None or self.token()["mark"] != b":":
                raise DocumentError("it is no JSON")
            self._keep(found, token["text"], depth, wanted)
            token = self.token()
            if token["mark"] == b",":
                token = self.token()
            elif token["mark"] != b"}":
                raise DocumentError("it is no JSON")
        return found

    def _keep(self, found: dict[str, Any], name: bytes, depth: int, wanted: Wanted) -> None:
        """The value of one field, where it is wanted."""
        if wanted is None:
            found[self._text(name)] = self.value(self.token(), depth + 1, None)
            return
        key = name[1:-1].decode(errors="replace")
        if isinstance(wanted, Mapping) and key in wanted:
            found[key] = self.value(self.token(), depth + 1, wanted[key])
        else:
            self._pass_over(self.token(), depth + 1)

    def _list(self, depth: int, wanted: Wanted) -> list[Any]:
        found: list[Any] = []
        number = 0
        token = self.token()
        while token["mark"] != b"]":
            if not isinstance(wanted, Item):
                found.append(self.value(token, depth + 1, wanted))
            elif number == wanted.number:
                found.append(self.value(token, depth + 1, wanted.wanted))
            else:
                self._pass_over(token, depth + 1)
            number += 1
            token = self.token()
            if token["mark"] == b",":
                token = self.token()
            elif token["mark"] != b"]":
                raise DocumentError("it is no JSON")
        return found

    def _pass_over(self, token: re.Match[bytes], depth: int) -> None:
        """All of a value. What nobody wants needs no more than its end to be found."""
        begin = depth
        while True:
            mark = token["mark"]
            if mark in {b"{", b"["}:
                depth += 1
            elif mark in {b"}", b"]"}:
                depth -= 1
            if depth > _MOST_DEPTH:
                raise DocumentError("it has deeper values than a table of any use")
            if depth < begin or (depth == begin and mark in {b",", b":"}):
                raise DocumentError("it is no JSON")
            if depth == begin:
                return
            token = self.token()

    def _scalar(self, token: re.Match[bytes]) -> Any:  # noqa: ANN401 - whatever it is
        self.allowance.take(held_bytes=_ENTRY_BYTES)
        if token["text"] is not None:
            return self._text(token["text"])
        if token["word"] is not None:
            return _WORDS[token["word"]]
        return json.loads(token["number"])

    def _text(self, raw: bytes) -> str:
        if len(raw) > _WIDEST_ESCAPE_BYTES * LONGEST_TEXT:
            raise DocumentError(f"a text has more than {LONGEST_TEXT:,} characters")
        try:
            found: str = json.loads(raw)
            found.encode()  # half of a pair is no character, and no status can hold it
        except ValueError:
            raise DocumentError("a text is no JSON") from None
        if len(found) > LONGEST_TEXT:
            raise DocumentError(f"a text has more than {LONGEST_TEXT:,} characters")
        self.allowance.take(held_bytes=_ENTRY_BYTES + sys.getsizeof(found))
        return found
