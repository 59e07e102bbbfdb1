"""Pagination of lists: the query, and the token of the next page. Pure.

A page token holds the order, the filter and the last entry of the page before, so that a walk through pages sees each
entry that is there all the time exactly once, whatever comes and goes meanwhile. It is what a client could ask for
anyway, so nothing in it needs to be secret or signed: it is read like any other input.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import orjson

from kfp_api.answers import RequestError, invalid, shortened
from kfp_api.filtering import LONGEST, Fields

DEFAULT_SIZE: Final = 20
MOST_SIZE: Final = 200
_LONGEST_TOKEN: Final = 16_384
_LONGEST_POSITION: Final = 1024

Position = tuple[str, str]
"""The value that is sorted by, and the object's name."""


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a page.

    Attributes:
        size: the most entries.
        field: what is sorted by.
        descending: the largest first.
        filter: its text.
        after: the last entry of the page before; None: from the beginning.
    """

    size: int
    field: str
    descending: bool
    filter: str = ""
    after: Position | None = None


def read_query(size: str, sort_by: str, filter_text: str, token: str, fields: Fields) -> Query:
    """Read what the request's parameters say.

    Raises:
        RequestError: one can't be used; names it and the remedy.
    """
    count = _size(size)
    if not token:
        field, descending = _order(sort_by, fields)
        return Query(count, field, descending, filter_text)
    kept_sort, kept_filter, value, name = _read_token(token)
    for given, kept, what in ((sort_by, kept_sort, "sort_by"), (filter_text, kept_filter, "filter")):
        if given and given != kept:
            raise invalid(f"{what}: is not that of the page before; leave it out, or begin without page_token")
    field, descending = _order(kept_sort, fields)
    return Query(count, field, descending, kept_filter, (value, name))


def next_token(query: Query, sort_by: str, last: Position) -> str:
    """Return the token for the page after the one that ends with `last`."""
    content = orjson.dumps([sort_by, query.filter, *last])
    return base64.urlsafe_b64encode(content).decode()


def order_text(query: Query) -> str:
    """Return the `sort_by` that means the query's order."""
    return f"{query.field} desc" if query.descending else query.field


def _size(text: str) -> int:
    if not text:
        return DEFAULT_SIZE
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):  # noqa: PLR2004
        raise invalid(f"page_size: {shortened(text)} is no whole number")
    size = int(text)
    if size < 0:
        raise invalid("page_size: must not be negative")
    return min(size, MOST_SIZE) if size else DEFAULT_SIZE


def _order(sort_by: str, fields: Fields) -> tuple[str, bool]:
    words = sort_by.split()
    field = words[0] if words else "created_at"
    if field not in fields:
        raise invalid(f"sort_by: {shortened(field)} can't be sorted by; use one of {', '.join(fields)}")
    direction = words[1].lower() if len(words) > 1 else "asc"
    if len(words) > 2 or direction not in {"asc", "desc"}:  # noqa: PLR2004
        raise invalid("sort_by: write a field, and perhaps desc: created_at desc")
    return field, direction == "desc"


def _read_token(token: str) -> tuple[str, str, str, str]:
    if len(token) > _LONGEST_TOKEN:
        raise _bad_token()
    try:
        content = orjson.loads(base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise _bad_token() from None
    if (
        not isinstance(content, list)
        or [type(each) for each in content] != [str] * 4
        or len(content[0]) > LONGEST
        or len(content[1]) > LONGEST
        or max(len(content[2]), len(content[3])) > _LONGEST_POSITION
    ):
        raise _bad_token()
    return content[0], content[1], content[2], content[3]


def _bad_token() -> RequestError:
    return invalid("page_token: is none of ours; take next_page_token of the page before as it is, or begin without")
