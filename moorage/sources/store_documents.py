"""XML that is worth parsing: bounded, without declarations, with no more elements than a page has. Pure."""

import re

from moorage.errors import SourceError
from moorage.sources.reasons import Reason

# A page of 1,000 objects has some 10,000 elements; with owners and checksums, twice as many. Each takes two brackets.
MOST_BRACKETS = 100_000
# Quotes are in attributes, and two around each ETag.
MOST_QUOTES = 20_000
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})


def check_document(name: str, body: bytes) -> None:
    """Pass what a parser may be given; answers that are no XML at all are the parser's to refuse.

    Args:
        name: of the source, for messages.
        body: the answer.

    Raises:
        SourceError: `EndpointNotS3`.
    """
    declared = _ENCODING.match(body)
    strange = (
        b"\0" in body  # UTF-16, whose brackets these counts would not see
        or (declared is not None and declared[1].lower() not in _ENCODINGS)
        or b"<!DOCTYPE" in body
        or b"<!ENTITY" in body
    )
    if strange:
        raise SourceError(
            Reason.ENDPOINT_NOT_S3, f"{name}: the answer is XML that no S3 store sends: correct s3.endpoint"
        )
    if body.count(b"<") > MOST_BRACKETS or body.count(b'"') + body.count(b"'") > MOST_QUOTES:
        raise SourceError(
            Reason.ENDPOINT_NOT_S3, f"{name}: one page holds more than an S3 store's 1,000 objects: correct s3.endpoint"
        )
