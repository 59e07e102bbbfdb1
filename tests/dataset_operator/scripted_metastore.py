"""A metastore on loopback whose answers a test chooses."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from dataset_operator.listing.hive.thrift import Value, record, several, text

_TEXT, _STRUCT, _LIST = 11, 12, 15


@dataclass(frozen=True)
class Script:
    """What it answers.

    Attributes:
        table: its columns, and those of partitions.
        names: of its partitions.
        some: the partitions to answer with where so many are asked for.
    """

    table: tuple[tuple[str, ...], tuple[str, ...]]
    names: list[str]
    some: Callable[[int], list[Value]]

    def answer(self, method: str, asked: int) -> Value:
        """The value that a method gives."""
        if method == "get_table_req":
            columns, by = (several([record({1: text(n), 2: text("int")}) for n in names]) for names in self.table)
            return record({1: record({7: record({1: columns, 2: text("s3://data/t")}), 8: by, 9: text("none")})})
        return several([text(name) for name in self.names] if method == "get_partition_names" else self.some(asked))


def partition(value: str, location: str) -> Value:
    """A partition of one value."""
    return record({1: several([text(value)]), 6: record({2: text(location)})})


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Answers call after call while the block runs; gives its address."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError, struct.error), connection.makefile("rb") as calls:
                while True:
                    method, sequence, asked = _read_call(calls)
                    of, body = script.answer(method, asked)
                    head = struct.pack(">HBB", 0x8001, 0, 2) + text(method)[1] + struct.pack(">i", sequence)
                    connection.sendall(head + struct.pack(">bh", of, 0) + body + b"\0")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"thrift://127.0.0.1:{listener.getsockname()[1]}"


def _read_call(calls: BinaryIO) -> tuple[str, int, int]:
    """The method, the number of the call, and the length of its list."""
    calls.read(4)
    method = calls.read(_whole(calls)).decode()
    sequence, asked = _whole(calls), 0
    depth = 1
    while depth:
        of = calls.read(1)[0]
        if of == 0:
            depth -= 1
            continue
        calls.read(2)
        if of == _STRUCT:
            depth += 1
        elif of == _LIST:
            calls.read(1)
            asked = _whole(calls)
            for _ in range(asked):
                calls.read(_whole(calls))
        else:
            calls.read(_whole(calls) if of == _TEXT else 2)
    return method, sequence, asked


def _whole(calls: BinaryIO) -> int:
    return int(struct.unpack(">i", calls.read(4))[0])
