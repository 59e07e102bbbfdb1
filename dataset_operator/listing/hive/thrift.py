"""Thrift's binary protocol, as far as a metastore's clients speak it: pure but for the bytes that a reader asks for.

Values are read without a description of their types, each as what it says it is, and a struct is a mapping from field
numbers. How many values and how deep is bounded here; how many bytes and how long, by whoever hands out the bytes.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

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

Value = tuple[int, bytes]
"""A value to send: its type, and its bytes."""
Answer = dict[int, Any]
"""A struct that was read: values by field number. Texts are `str`, lists and sets are `list`, maps are `dict`."""


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
        take: the next so many bytes; it raises where they are too many, or do not come.
        values: how many may still be read.
    """

    take: Callable[[int], bytes]
    values: int = 400_000

    def reply(self, name: str, sequence: int) -> Answer:
        """The result of a call, as a struct: 0 is what it gives back, other numbers are exceptions that it declares.

        Raises:
            ThriftError: it is none, or the server does not know the method.
        """
        version, _, kind = _HEAD.unpack(self.take(_HEAD.size))
        if version != _VERSION:
            raise ThriftError("it does not begin as Thrift's binary protocol does")
        told = self._text(_LONGEST_NAME)
        number = self._number(_I32)
        body = self._struct(0)
        if kind == _EXCEPTION:
            raise ThriftError("it does not know the call" if body.get(2) == _UNKNOWN_METHOD else "it fails in it")
        if (kind, told, number) != (_REPLY, name, sequence):
            raise ThriftError(f"it answers something else than {name}")
        return body

    def _struct(self, depth: int) -> Answer:
        found: Answer = {}
        while (of := self.take(1)[0]) != _STOP:
            number = self._number(_I16)
            found[number] = self._value(of, depth + 1)
        return found

    def _value(self, of: int, depth: int) -> Any:  # noqa: ANN401 - whatever it is
        self.values -= 1
        if self.values < 0 or depth > _MOST_DEPTH:
            raise ThriftError("it has more values, or deeper ones, than a table of any use")
        if of in _NUMBERS:
            return self._number(of)
        if of == _TEXT:
            return self._text()
        if of == _STRUCT:
            return self._struct(depth)
        if of in {_LIST, _SET}:
            inner, count = self.take(1)[0], self._count()
            return [self._value(inner, depth + 1) for _ in range(count)]
        if of == _MAP:
            keys, values = self.take(2)
            pairs = ((self._value(keys, depth + 1), self._value(values, depth + 1)) for _ in range(self._count()))
            return {key: value for key, value in pairs if isinstance(key, (str, int))}
        raise ThriftError(f"it has a value of type {of}, which Thrift has not")

    def _number(self, of: int) -> Any:  # noqa: ANN401 - as the type says
        packed = _NUMBERS[of]
        return packed.unpack(self.take(packed.size))[0]

    def _count(self) -> int:
        count = int(self._number(_I32))
        if not 0 <= count <= self.values:
            raise ThriftError("it has more values than a table of any use")
        return count

    def _text(self, most: int = 2**31 - 1) -> str:
        size_bytes = int(self._number(_I32))
        if not 0 <= size_bytes <= most:
            raise ThriftError("it has a text of a length that none can have")
        return self.take(size_bytes).decode(errors="replace")
