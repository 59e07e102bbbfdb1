"""The index that gets and lists are answered from: by id, and in the order of creation by namespace and parent."""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from kfp_api.filtering import Fields, holds, read_filter
from kfp_api.paging import Position, Query, next_token, order_text
from kfp_api.records import Kept
from moorage.queueing.keyed_locks import KeyedLocks

R = TypeVar("R", bound=Kept)

Scope = tuple[str, str]
"""A namespace and a parent's id; with the id "" all of the namespace."""

_MOST_KEPT: Final = 32
"""The cache of answers to filters and orders, each a list of names, until something changes."""
_AT_ONCE: Final = 500
"""Records that are looked at before others have their turn on the event loop."""


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of a list.

    Attributes:
        records: on this page.
        total: on all pages together.
        next_token: for the page after this; "" on the last.
    """

    records: Sequence[R]
    total: int
    next_token: str


class Index(Generic[R]):
    """Records of one kind, kept in order as they come and go.

    Args:
        fields: what they can be filtered and sorted by.
    """

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self._records: dict[tuple[str, str], R] = {}
        self._by_id: dict[str, set[tuple[str, str]]] = {}
        self._ordered: dict[Scope, list[Position]] = {}
        self._changes: dict[str, int] = {}
        self._kept: OrderedDict[tuple[Scope, str, str], tuple[int, list[Position]]] = OrderedDict()
        self._locks: KeyedLocks[str] = KeyedLocks()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, namespace: str, name: str) -> R | None:
        """Return the record of an object."""
        return self._records.get((namespace, name))

    def find(self, identity: str) -> list[R]:
        """Find those with this id, the oldest first: others may have taken it in their own namespaces."""
        found = [self._records[key] for key in self._by_id.get(identity, ())]
        return sorted(found, key=lambda record: (record.created_at, record.key))

    def of(self, namespace: str, parent: str = "") -> list[R]:
        """Return all of a namespace or of one parent, in the order of creation."""
        return [self._records[namespace, name] for _, name in self._ordered.get((namespace, parent), ())]

    def last_created_at(self, namespace: str, parent: str) -> str:
        """Return when the parent's newest record was created, or "" where it has none."""
        ordered = self._ordered.get((namespace, parent))
        return ordered[-1][0] if ordered else ""

    # --- changes ---

    def put(self, record: R) -> None:
        """Add or replace one."""
        key = record.key
        before = self._records.get(key)
        self._records[key] = record
        self.touch(record.namespace)
        if before is not None and _place(before) == _place(record):
            return
        if before is not None:
            self._unplace(before)
        self._by_id.setdefault(record.id, set()).add(key)
        for scope in _scopes(record):
            insort(self._ordered.setdefault(scope, []), (record.created_at, record.object_name))

    def touch(self, namespace: str) -> None:
        """Note that something besides the records changed which the namespace's filters look at."""
        self._changes[namespace] = self._changes.get(namespace, 0) + 1

    def drop(self, namespace: str, name: str) -> None:
        """Remove one, if it is here."""
        record = self._records.pop((namespace, name), None)
        if record is not None:
            self.touch(namespace)
            self._unplace(record)

    def _unplace(self, record: R) -> None:
        keys = self._by_id[record.id]
        keys.discard(record.key)
        if not keys:
            del self._by_id[record.id]
        for scope in _scopes(record):
            ordered = self._ordered[scope]
            del ordered[bisect_left(ordered, (record.created_at, record.object_name))]
            if not ordered:
                del self._ordered[scope]

    # --- lists ---

    async def page(self, scope: Scope, query: Query) -> Page[R]:
        """Return one page of a namespace or of one parent.

        Raises:
            RequestError: the filter can't be used.
        """
        if query.filter or query.field != "created_at":
            ordered = await self._selected(scope, query)
        else:
            ordered = self._ordered.get(scope, [])
        return self._cut(scope[0], ordered, query)

    def _cut(self, namespace: str, ordered: list[Position], query: Query) -> Page[R]:
        if query.descending:
            end = len(ordered) if query.after is None else bisect_left(ordered, query.after)
            start = max(end - query.size, 0)
            chosen, more = ordered[start:end][::-1], start > 0
        else:
            start = 0 if query.after is None else bisect_right(ordered, query.after)
            end = start + query.size
            chosen, more = ordered[start:end], end < len(ordered)
        # A list that was made before something went may name what is there no more.
        records = [record for _, name in chosen if (record := self._records.get((namespace, name))) is not None]
        token = next_token(query, order_text(query), chosen[-1]) if more and chosen else ""
        return Page(records, len(ordered), token)

    async def _selected(self, scope: Scope, query: Query) -> list[Position]:
        """Return those that pass the filter, in the order that is asked for; kept until the namespace changes.

        One such search at a time for each namespace, in slices: a large one delays its own namespace.
        """
        predicates = read_filter(query.filter, self.fields)
        cached = scope, query.field, query.filter
        async with self._locks.hold(scope[0]):
            generation = self._changes.get(scope[0], 0)
            kept = self._kept.get(cached)
            if kept is not None and kept[0] == generation:
                self._kept.move_to_end(cached)
                return kept[1]
            get: Callable[[R], str] = self.fields[query.field].get
            found: list[Position] = []
            # A copy: what comes while we search is in the next answer.
            for number, (_, name) in enumerate(tuple(self._ordered.get(scope, ())), start=1):
                record = self._records.get((scope[0], name))
                if record is not None and holds(predicates, record):
                    found.append((get(record), name))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            found.sort()
            self._kept[cached] = generation, found
            self._kept.move_to_end(cached)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return found


def _place(record: Kept) -> tuple[str, str, tuple[str, ...]]:
    return record.id, record.created_at, record.parents


def _scopes(record: Kept) -> tuple[Scope, ...]:
    return tuple((record.namespace, parent) for parent in ("", *record.parents))
