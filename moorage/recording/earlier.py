"""The heads of the chains before this one, as a store has them."""

from typing import Final

from moorage.errors import InputError
from moorage.evidence.line import Line, Link, read_line
from moorage.evidence.places import Batch, folder
from moorage.stores import ReadableStore

_MOST_CHAINS: Final = 50_000
_LOOKED_AT: Final = 8
_MOST_BATCH_BYTES: Final = 8 << 20


async def earlier_heads(store: ReadableStore, prefix: str, component: str) -> tuple[Link, ...]:
    """Return the heads for the first line of a new chain: of the newest chains, those that none of these names.

    Raises:
        StoreError: the store does not answer or refuses.
    """
    place = folder(prefix, component)
    folders = await store.list_all(place, _MOST_CHAINS, folders=True)
    names = [each.key.removeprefix(place).rstrip("/") for each in folders]
    heads: list[Link] = []
    named: set[Link] = set()
    for name in sorted(names)[-_LOOKED_AT:]:
        chain = f"{place}{name}/"
        first = await store.list(chain, 1)
        if not first:
            continue
        begun = _lines(await store.get(first[0].key, _MOST_BATCH_BYTES))
        if begun:
            named.update(begun[0].event.chains or ())
        last = _lines(await store.get(await _last_key(store, prefix, chain, first[0].key), _MOST_BATCH_BYTES))
        if last:
            heads.append(last[-1].link)
    return tuple(head for head in heads if head not in named)


async def _last_key(store: ReadableStore, prefix: str, chain: str, first: str) -> str:
    """Find the key of a chain's last batch, by doubling and then halving steps, as there may be many thousands."""
    component, name = chain.rstrip("/").rsplit("/", 2)[-2:]

    async def after(number: int) -> Batch | None:
        found = await store.list(chain, 1, after=Batch(component, name, number).key(prefix))
        return Batch.read(prefix, found[0].key) if found else None

    last = Batch.read(prefix, first) or Batch(component, name, 0)
    step = 1
    while (found := await after(last.first + step)) is not None:
        last, step = found, step * 2
    while step:
        if (found := await after(last.first + step // 2)) is not None:
            last = found
        else:
            step //= 2
    return last.key(prefix)


def _lines(content: bytes | None) -> list[Line]:
    """Return the first and the last line of a batch, where they can be read."""
    written = (content or b"").splitlines()
    try:
        return [read_line(each) for each in (written[:1] + written[-1:])]
    except InputError:
        return []
