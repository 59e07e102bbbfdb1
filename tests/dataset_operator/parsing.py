"""Looks into objects with a parser pool that this process's tests share."""

import functools
from collections.abc import Callable

from dataset_operator.listing import Cancellation, Folder, Listing
from dataset_operator.schema_parser.messages import Question, Schema, Unreadable
from dataset_operator.tables import ParserPool, TableLook, look_into


@functools.cache
def shared_pool() -> ParserPool:
    """Its processes end by themselves, or with this one."""
    return ParserPool()


def parse(size_bytes: int, ask: Callable[[], Question]) -> Schema | Unreadable:
    """As the operator does, for a tenant of the test's own."""
    return shared_pool().parse("tests", size_bytes, ask, Cancellation())


def looked_into(folder: Folder, listing: Listing) -> TableLook:
    """`look_into` with that."""
    return look_into(folder, listing, parse)
