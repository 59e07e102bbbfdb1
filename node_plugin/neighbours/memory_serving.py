"""What node plugins of other nodes get of this node's memory: GET which objects lie there, GET one of them.

A caller shows a pass for that very Dataset, by its uid. Each piece of an object comes with its SHA-256, and no piece
comes of what was changed, or may not be here any more.
"""

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web

from moorage.errors import BrokerError
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from moorage.serving.slots import Slots
from node_plugin.broker import Watching
from node_plugin.memory.holding import MemoryKey, key_of
from node_plugin.memory.lying import write_listing
from node_plugin.memory.shared import SharedMemory
from node_plugin.memory.shelf import InUseError, MemoryShelf, NotHereError, is_written, tag_of
from node_plugin.neighbours.sending import PIECE_BYTES, Sending, shown

MEMORY_PATH: Final = "/v1/memory/{namespace}/{name}/{uid}"
DIGEST_BYTES: Final = 32
_FROM: Final = re.compile(r"[0-9]{1,18}")
_TRUSTED_SECONDS: Final = 20.0
_MOST_REMEMBERED: Final = 1024
# A listing opens each object, in threads that all of the node plugin shares.
_MOST_LISTINGS, _MOST_LISTINGS_OF_ONE = 4, 2


@dataclass(slots=True)
class MemoryServer:
    """What this node gives of its memory.

    Attributes:
        memory: the node's.
        watcher: says what of it may be here.
        node: this one.
        clock: seconds since 1970, for the ends of certificates.
    """

    memory: SharedMemory
    watcher: Watching
    node: str
    sending: Sending
    clock: Callable[[], float] = time.time
    listings: Slots = field(default_factory=lambda: Slots(_MOST_LISTINGS, _MOST_LISTINGS_OF_ONE))
    _standings: dict[DatasetRef, tuple[float, Standing | None]] = field(default_factory=dict)

    def add_to(self, app: web.Application) -> None:
        """Serve it as a part of the application."""
        app.router.add_get(MEMORY_PATH, self._listing)
        app.router.add_get(MEMORY_PATH + "/{object}", self._object)

    async def _listing(self, request: web.Request) -> web.Response:
        key = await self._served(request)
        with self.listings.taken(shown(request).reading.node) as has_slot:
            if not has_slot:
                raise web.HTTPServiceUnavailable(text="busy\n")
            try:
                body = await asyncio.to_thread(self._list, key)
            except OSError as error:
                raise web.HTTPNotFound from error
        return web.Response(body=body, headers={hdrs.CACHE_CONTROL: "no-store"})

    def _list(self, key: MemoryKey) -> bytes:
        shelf = self._shelf(key)
        try:
            return write_listing(shelf.told())
        finally:
            shelf.close()

    async def _object(self, request: web.Request) -> web.StreamResponse:
        key, tag, offset = await self._served(request), request.query.get("tag", ""), request.query.get("from", "0")
        if _FROM.fullmatch(offset) is None or int(offset) % PIECE_BYTES:
            raise web.HTTPBadRequest(text="from must be a number of whole pieces\n")
        with self.sending.slots.taken(shown(request).reading.node) as has_slot:
            if not has_slot:
                raise web.HTTPServiceUnavailable(text="busy\n")
            try:
                descriptor = await asyncio.to_thread(self._open, key, request.match_info["object"], tag)
            except InUseError as error:
                raise web.HTTPConflict(text="it is being written\n") from error
            except (NotHereError, OSError) as error:
                raise web.HTTPNotFound from error
            try:
                return await self._send(request, key, descriptor, tag, int(offset))
            finally:
                os.close(descriptor)

    def _open(self, key: MemoryKey, name: str, tag: str) -> int:
        shelf = self._shelf(key)
        try:
            return shelf.open(name, tag)
        finally:
            shelf.close()

    def _shelf(self, key: MemoryKey) -> MemoryShelf:
        return MemoryShelf(self.memory.folder(key), self.node)

    async def _send(
        self, request: web.Request, key: MemoryKey, descriptor: int, tag: str, offset: int
    ) -> web.StreamResponse:
        left = os.fstat(descriptor).st_size - offset
        if left < 0:
            raise web.HTTPRequestRangeNotSatisfiable
        response = web.StreamResponse()
        response.content_length = left + DIGEST_BYTES * -(-left // PIECE_BYTES)
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        ends_at = shown(request).ends_at
        while left:
            await self.sending.pace()
            if await self._withheld(key) is not None or self.clock() > ends_at:
                message = "withdrawn"
                raise ConnectionResetError(message)
            piece = await asyncio.to_thread(_read, descriptor, min(PIECE_BYTES, left), offset, tag)
            await self.sending.write(request, response, piece)
            offset, left = offset + PIECE_BYTES, max(0, left - PIECE_BYTES)
        await response.write_eof()
        return response

    async def _served(self, request: web.Request) -> MemoryKey:
        """The memory that is asked for, where the caller may have it and this node too.

        Raises:
            HTTPForbidden: the caller shows no pass for it.
            HTTPNotFound: there is none here, or it may not be here.
            HTTPServiceUnavailable: nobody knows whether it may be here.
        """
        found = request.match_info
        key, seen = key_of(DatasetRef(found["namespace"], found["name"]), found["uid"]), shown(request)
        reads = seen.reading
        # A connection that is kept outlives the certificate that it was made with.
        if key is None or key != MemoryKey(reads.ref, reads.uid) or self.clock() > seen.ends_at:
            raise web.HTTPForbidden
        if (problem := await self._withheld(key)) is not None:
            raise problem
        return key

    async def _withheld(self, key: MemoryKey) -> web.HTTPException | None:
        """Why nothing of it is served now; None where it is."""
        try:
            standing = await self._standing(key.ref)
        except BrokerError:
            return web.HTTPServiceUnavailable(text="the broker does not say what may be here\n")
        is_here = standing is not None and standing.permitted and standing.uid in {"", key.uid}
        return None if is_here else web.HTTPNotFound()

    async def _standing(self, ref: DatasetRef) -> Standing | None:
        """What the broker said of it a moment ago."""
        asked_at, standing = self._standings.get(ref, (float("-inf"), None))
        if time.monotonic() - asked_at > _TRUSTED_SECONDS:
            standing = (await self.watcher.ask_standing([ref])).get(ref)
            while len(self._standings) >= _MOST_REMEMBERED:
                self._standings.pop(next(iter(self._standings)))
            self._standings[ref] = time.monotonic(), standing
        return standing


def _read(descriptor: int, size_bytes: int, offset: int, tag: str) -> bytes:
    """A piece with its digest.

    Raises:
        ConnectionResetError: the object was changed meanwhile, so nothing of it is sent any more.
    """
    piece = os.pread(descriptor, size_bytes, offset)
    if len(piece) != size_bytes or tag_of(descriptor) != tag or is_written(descriptor):
        message = "changed meanwhile"
        raise ConnectionResetError(message)
    return piece + hashlib.sha256(piece).digest()
