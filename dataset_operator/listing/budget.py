"""The limits of one listing. Each stops another way to hold up a worker thread or fill its memory."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The bounds of one look at one source.

    Attributes:
        connect_seconds: of one connection.
        silence_seconds: between two pieces of an answer.
        request_seconds: of one request, from its first byte to the last of its answer: a store that answers a byte now
            and then is never silent.
        seconds: of one listing, and of the look as a whole.
        objects: that a listing may have.
        page_bytes: of one answer. An S3 page has 1,000 keys of at most 1,024 bytes, each of which becomes three when it
            is escaped.
        sort_bytes: on disk, where a store lists in an order of its own.
        read_bytes: of all objects that are looked into.
    """

    connect_seconds: float = 5.0
    silence_seconds: float = 20.0
    request_seconds: float = 30.0
    seconds: float = 600.0
    objects: int = 10_000_000
    page_bytes: int = 4 * MIB
    sort_bytes: int = 256 * MIB
    read_bytes: int = 64 * MIB
