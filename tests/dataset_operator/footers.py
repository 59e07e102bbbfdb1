"""Parquet footers that no writer makes: Thrift's compact protocol by hand."""

import struct


def wide_footer(columns: int) -> bytes:
    """A file of nothing but a footer with so many columns: 13 bytes each here, 1.9 KiB each once they are parsed."""
    leaves = b"".join(_element(b"x%d" % number) for number in range(columns))
    return _file(_element(b"s", columns) + leaves, columns + 1)


def nested_footer(depth: int) -> bytes:
    """One whose only column lies so deep."""
    return _file(_element(b"s", 1) * depth + _element(b"x"), depth + 1)


def _file(elements: bytes, count: int) -> bytes:
    # FileMetaData: 1 version, 2 schema (a list of structs), 3 rows, 4 row groups (none).
    footer = b"\x15" + _integer(1) + b"\x19\xfc" + _varint(count) + elements + b"\x16" + _integer(0) + b"\x19\x0c\0"
    return b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _element(name: bytes, children: int | None = None) -> bytes:
    # SchemaElement: 1 type (leaves have one), 3 repetition, 4 name, 5 how many of those that follow are its children.
    begin = b"\x15" + _integer(1) + b"\x25" if children is None else b"\x35"
    end = b"" if children is None else b"\x15" + _integer(children)
    return begin + _integer(0) + b"\x18" + _varint(len(name)) + name + end + b"\0"


def _integer(number: int) -> bytes:
    return _varint(number << 1)


def _varint(number: int) -> bytes:
    body = bytearray()
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)
    return bytes(body)
