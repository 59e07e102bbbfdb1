"""Thrift's binary protocol, as far as a metastore's clients speak it: pure but for the bytes that a reader asks for.

Values are read without a description of their types, each as what it says it is, and a struct is a mapping from field
numbers. Fields that nobody wants are passed over. How deep and how many values is bounded here, and how long a text is;
all answers together by an `Allowance`; the bytes of one and its time by whoever hands out the bytes.
"""

import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dataset_operator.listing.catalogues.allowance import Allowance

_VERSION: Final = 0x8001
_CALL, _REPLY, _EXCEPTION = 1, 2, 3
_UNKNOWN_METHOD: Final = 1
_STOP, _BOOL, _BYTE, _DOUBLE, _I16, _I32, _I64, _TEXT, _STRUCT, _MAP, _SET, _LIST = (
    0, 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15,
)  # fmt: skip
_NUMBERS: Final = {
    _BOOL: struct.Struct(">?"),
    _BYTE: struct.Struct(">b"),
    _DOUBLE: struct.Struct(">d"),
    _I16: struct.Struct(">h"),
    _I32: struct.Struct(">i"),
    _I64: struct.Struct(">q"),
}
_FIELD: Final = struct.Struct(">bh")
_HEAD: Final = struct.Struct(">HBB")
_MOST_DEPTH: Final = 16
_LONGEST_NAME: Final = 256
LONGEST_TEXT: Final = 4096
"""Characters; a text that has more is read with one more, so whoever may not cut it can tell."""
_WIDEST_CHARACTER_BYTES: Final = 4
# What a dict or list needs, and what each entry adds to it, at most: a number included, a text not.
_CONTAINER_BYTES: Final = 224
_ENTRY_BYTES: Final = 64

Value = tuple[int, bytes]
"""A value to send: its type, and its bytes."""
Answer = dict[int, Any]
"""A struct that was read: values by field number. Texts are `str`, lists and sets are `list`, maps are `dict`."""
Wanted: TypeAlias = "Mapping[int, Wanted] | None"
"""Which fields of a struct, or of the structs in a list, are wanted, and what of them; None is everything."""
NOTHING: Final[Mapping[int, Wanted]] = {}
"""Of a struct: only that it is there."""


class ThriftError(Exception):
    """What came is not what a metastore sends, or more than anybody needs."""


# --- what is sent ---


def text(value: str) -> Value:
    """A string."""
    encoded = value.encode(errors="surrogateescape")
    return _TEXT, _NUMBERS[_I32].pack(len(encoded)) + encoded


def short(value: int) -> Value:
    """A number of 16 bits."""
    return _I16, _NUMBERS[_I16].pack(value)


def whole(value: int) -> Value:
    """A number of 32 bits."""
    return _I32, _NUMBERS[_I32].pack(value)


def flag(*, value: bool) -> Value:
    """A boolean."""
    return _BOOL, _NUMBERS[_BOOL].pack(value)


def several(values: Sequence[Value], kind: int = _STRUCT) -> Value:
    """A list of values of one type, which `kind` names where there are none."""
    of = values[0][0] if values else kind
    return _LIST, bytes((of,)) + _NUMBERS[_I32].pack(len(values)) + b"".join(body for _, body in values)


def mapping(values: dict[str, str]) -> Value:
    """A map of strings."""
    body = b"".join(text(key)[1] + text(value)[1] for key, value in values.items())
    return _MAP, bytes((_TEXT, _TEXT)) + _NUMBERS[_I32].pack(len(values)) + body


def record(fields: dict[int, Value]) -> Value:
    """A struct."""
    return _STRUCT, b"".join(_FIELD.pack(of, number) + body for number, (of, body) in fields.items()) + bytes((_STOP,))


def call(name: str, sequence: int, arguments: dict[int, Value]) -> bytes:
    """A whole message that calls a method."""
    head = _HEAD.pack(_VERSION, 0, _CALL) + text(name)[1] + _NUMBERS[_I32].pack(sequence)
    return head + record(arguments)[1]


# --- what comes ---


@dataclass(slots=True)
class Reader:
    """Reads one answer.

    Attributes:
        take: the next so many bytes, with so many passed over after them; it raises where they are too many, or do not
            come.
        allowance: of the whole look.
        values: how many this answer may still have.
    """

    take: Callable[[int, int], bytes]
    allowance: Allowance
    values: int = 400_000

    def reply(self, name: str, sequence: int, wanted: Wanted) -> Answer:
        """The result of a call, as a struct: 0 is what it gives back, other numbers are exceptions that it declares.

        Raises:
            ThriftError: it is none, or the server does not know the method.
            SourceError: ListTooLarge, more comes than one look may take.
        """
        version, _, kind = _HEAD.unpack(self.take(_HEAD.size, 0))
        if version != _VERSION:
            raise ThriftError("it does not begin as Thrift's binary protocol does")
        told = self._name()
        number = self._number(_I32)
        body = self._struct(0, {0: wanted, 1: NOTHING, 2: NOTHING})
        if kind == _EXCEPTION:
            raise ThriftError("it does not know the call" if body.get(2) == _UNKNOWN_METHOD else "it fails in it")
        if (kind, told, number) != (_REPLY, name, sequence):
            raise ThriftError(f"it answers something else than {name}")
        return body

    def _struct(self, depth: int, wanted: Wanted) -> Answer:
        found: Answer = {}
        while (of := self.take(1, 0)[0]) != _STOP:
            number = self._number(_I16)
            if wanted is None:
                found[number] = self._value(of, depth + 1, None)
            elif number in wanted:
                found[number] = self._value(of, depth + 1, wanted[number])
            else:
                self._pass_over(of, depth + 1)
        return found

    def _value(self, of: int, depth: int, wanted: Wanted) -> Any:  # noqa: ANN401 - whatever it is
        self._count_one(depth)
        if of in _NUMBERS:
            self.allowance.take(held_bytes=_ENTRY_BYTES)
            return self._number(of)
        if of == _TEXT:
            return self._text()
        self.allowance.take(held_bytes=_CONTAINER_BYTES + _ENTRY_BYTES)
        if of == _STRUCT:
            return self._struct(depth, wanted)
        if of in {_LIST, _SET}:
            inner = self.take(1, 0)[0]
            return [self._value(inner, depth + 1, wanted) for _ in self._each()]
        if of == _MAP:
            keys, values = self.take(2, 0)
            pairs = ((self._value(keys, depth + 1, None), self._value(values, depth + 1, None)) for _ in self._each())
            return {key: value for key, value in pairs if isinstance(key, (str, int))}
        raise ThriftError(f"it has a value of type {of}, which Thrift has not")

    def _pass_over(self, of: int, depth: int) -> None:
        self._count_one(depth)
        if of in _NUMBERS:
            self.take(0, _NUMBERS[of].size)
        elif of == _TEXT:
            self.take(0, self._size_bytes())
        elif of == _STRUCT:
            while (inner := self.take(1, 0)[0]) != _STOP:
                self.take(0, _NUMBERS[_I16].size)
                self._pass_over(inner, depth + 1)
        elif of in {_LIST, _SET}:
            inner = self.take(1, 0)[0]
            for _ in self._each():
                self._pass_over(inner, depth + 1)
        elif of == _MAP:
            keys, values = self.take(2, 0)
            for _ in self._each():
                self._pass_over(keys, depth + 1)
                self._pass_over(values, depth + 1)
        else:
            raise ThriftError(f"it has a value of type {of}, which Thrift has not")

    def _count_one(self, depth: int) -> None:
        self.values -= 1
        if self.values < 0 or depth > _MOST_DEPTH:
            raise ThriftError("it has more values, or deeper ones, than a table of any use")
        self.allowance.take(values=1)

    def _number(self, of: int) -> Any:  # noqa: ANN401 - as the type says
        packed = _NUMBERS[of]
        return packed.unpack(self.take(packed.size, 0))[0]

    def _each(self) -> range:
        count = int(self._number(_I32))
        if not 0 <= count <= self.values:
            raise ThriftError("it has more values than a table of any use")
        return range(count)

    def _size_bytes(self) -> int:
        size_bytes = int(self._number(_I32))
        if size_bytes < 0:
            raise ThriftError("it has a text of a length that none can have")
        return size_bytes

    def _name(self) -> str:
        size_bytes = self._size_bytes()
        if size_bytes > _LONGEST_NAME:
            raise ThriftError("it has a text of a length that none can have")
        return self.take(size_bytes, 0).decode(errors="replace")

    def _text(self) -> str:
        """A text that is kept: as many of its characters as anybody looks at."""
        size_bytes = self._size_bytes()
        read_bytes = min(size_bytes, _WIDEST_CHARACTER_BYTES * (LONGEST_TEXT + 1))
        found = self.take(read_bytes, size_bytes - read_bytes).decode(errors="replace")[: LONGEST_TEXT + 1]
        self.allowance.take(held_bytes=_ENTRY_BYTES + sys.getsizeof(found))
        return found
