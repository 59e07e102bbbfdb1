"""The HTTPS server that node plugins of other nodes call: GET which objects of a version are here, GET one of them.

A caller shows a certificate that the broker signed: for its node, and for one dataset. It is served that dataset's
objects and nothing else, as long as the certificate lasts and the broker lets this node hold them: both are looked at
with each request, and with each piece that is sent.
"""

import asyncio
import logging
import os
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from moorage.errors import MoorageError
from moorage.grants.neighbours import Pass
from moorage.model import DatasetRef
from moorage.serving import metrics
from moorage.serving.context import load_pair, make_server_context, require_clients
from moorage.serving.limits import Limits
from moorage.serving.run import Listener, serve
from node_plugin.broker import Introducing
from node_plugin.caching.holding import VersionKey, is_version
from node_plugin.caching.state import CacheState
from node_plugin.filler.neighbour import PROGRESS_HEADER, VERSION_PATH
from node_plugin.neighbours.memory_serving import MemoryServer
from node_plugin.neighbours.sending import PIECE_BYTES, TRUSTED_SECONDS, Sending, shown
from node_plugin.neighbours.shelf import NotHereError, Shelf, progress

_log = logging.getLogger(__name__)

_RENEW_SECONDS: Final = 8 * 3600.0
_RETRY_SECONDS: Final = 5.0
_RANGE: Final = re.compile(r"bytes=(\d{1,18})-")
_LIMITS: Final = Limits(connections=256, connections_per_peer=128, answer_seconds=3600.0)


@dataclass(slots=True)
class Server:
    """What this node gives its neighbours.

    Attributes:
        state: of the cache.
        address: where it is reached, `10.0.0.7:9809`.
        ca_file: who signs the certificates of node plugins.
        sending: at what pace.
        memory: what it gives of the node's memory.
        clock: seconds since 1970, for the ends of certificates.
    """

    state: CacheState
    broker: Introducing
    address: str
    ca_file: Path
    sending: Sending
    context: ssl.SSLContext = field(default_factory=make_server_context)
    is_certified: bool = False
    clock: Callable[[], float] = time.time
    memory: MemoryServer | None = None
    _shelf: Shelf = field(default_factory=Shelf)

    def told_address(self) -> str:
        """Where neighbours may call; "" as long as they could not."""
        return self.address if self.is_certified else ""

    # --- the certificate ---

    async def renew(self) -> None:
        """Keep a certificate that neighbours trust; for ever."""
        while True:
            try:
                made = await self.broker.ask_pass(None)
                if isinstance(made, Pass):
                    self._load(made)
                    await asyncio.sleep(_RENEW_SECONDS)
                    continue
                _log.warning("neighbours can't be served", extra={"cause": made.message})
            except (MoorageError, OSError) as error:
                _log.info("neighbours are not served yet", extra={"cause": str(error)})
            await asyncio.sleep(_RETRY_SECONDS)

    def _load(self, made: Pass) -> None:
        # The authorities first: without them, anybody's certificate would do.
        require_clients(self.context, self.ca_file)
        load_pair(self.context, made.certificate.encode(), made.key.encode())
        if not self.is_certified:
            self.is_certified = True
            self.state.moved.set()
            _log.info("neighbours are served", extra={"address": self.address})

    # --- requests ---

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(middlewares=[metrics.count_requests])
        app.router.add_get(VERSION_PATH, self._having)
        app.router.add_get(VERSION_PATH + "/{number:[0-9]{1,9}}", self._object)
        if self.memory is not None:
            self.memory.add_to(app)
        return app

    async def _having(self, request: web.Request) -> web.Response:
        key, folder = self._served(request)
        try:
            found = await asyncio.to_thread(self._shelf.having, key, folder)
        except (NotHereError, OSError) as error:
            raise web.HTTPNotFound from error
        told = await asyncio.to_thread(progress, folder)
        return web.Response(body=found, headers={PROGRESS_HEADER: told, hdrs.CACHE_CONTROL: "no-store"})

    async def _object(self, request: web.Request) -> web.StreamResponse:
        key, folder = self._served(request)
        with self.sending.slots.taken(shown(request).reading.node) as has_slot:
            if not has_slot:
                raise web.HTTPServiceUnavailable(text="busy\n")
            try:
                descriptor, size_bytes = await asyncio.to_thread(
                    self._shelf.open, key, folder, int(request.match_info["number"])
                )
            except (NotHereError, OSError) as error:
                raise web.HTTPNotFound from error
            try:
                return await self._send(request, key, descriptor, size_bytes)
            finally:
                os.close(descriptor)

    async def _send(
        self, request: web.Request, key: VersionKey, descriptor: int, size_bytes: int
    ) -> web.StreamResponse:
        offset = _offset(request, size_bytes)
        response = web.StreamResponse(status=206 if offset else 200)
        response.content_length = size_bytes - offset
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        ends_at = shown(request).ends_at
        while offset < size_bytes:
            await self.sending.pace()
            # Nothing is sent any more of what was withdrawn meanwhile, nor to whom may not have it any more.
            if self._withheld(key) is not None or self.clock() > ends_at:
                message = "withdrawn"
                raise ConnectionResetError(message)
            piece = await asyncio.to_thread(os.pread, descriptor, min(PIECE_BYTES, size_bytes - offset), offset)
            if not piece:
                message = "shorter than it was"
                raise ConnectionResetError(message)
            await self.sending.write(request, response, piece)
            offset += len(piece)
        await response.write_eof()
        return response

    def _served(self, request: web.Request) -> tuple[VersionKey, Path]:
        """The version that is asked for, and its folder, where the caller may have it and this node too.

        Raises:
            HTTPForbidden: the caller shows no pass for the dataset.
            HTTPNotFound: there is nothing of it here, or it may not be here.
            HTTPServiceUnavailable: nobody knows whether it may be here.
        """
        found = request.match_info
        ref, version = DatasetRef(found["namespace"], found["name"]), found["version"]
        seen = shown(request)
        # A connection that is kept outlives the certificate that it was made with.
        if seen.reading.ref != ref or seen.reading.uid or not is_version(version) or self.clock() > seen.ends_at:
            raise web.HTTPForbidden
        key, store = VersionKey(ref, version), self.state.store
        if (problem := self._withheld(key)) is not None:
            raise problem
        held = store.get(key)
        return key, store.folder(key) if held is not None and held.whole else store.unfinished(key)

    def _withheld(self, key: VersionKey) -> web.HTTPException | None:
        """Why nothing of a version is served now; None where it is."""
        standing = self.state.standings.get(key.ref)
        if self.state.store.get(key) is None or (standing is not None and not standing.permitted):
            return web.HTTPNotFound()
        if time.monotonic() - self.state.asked_at > TRUSTED_SECONDS:
            return web.HTTPServiceUnavailable(text="the broker has not said lately what may be here\n")
        return None


def _offset(request: web.Request, size_bytes: int) -> int:
    wanted = request.headers.get(hdrs.RANGE)
    if wanted is None:
        return 0
    found = _RANGE.fullmatch(wanted)
    if found is None or int(found[1]) >= size_bytes:
        raise web.HTTPRequestRangeNotSatisfiable
    return int(found[1])


@asynccontextmanager
async def serving_neighbours(server: Server | None, host: str | None, port: int) -> AsyncIterator[None]:
    """Serve while the block runs; None: not at all."""
    if server is None:
        yield
        return
    listener = Listener(port=port, host=host, tls=server.context, drain_seconds=1.0, limits=_LIMITS)
    async with serve(server.app(), listener):
        renewing = asyncio.create_task(server.renew(), name="certificate for neighbours")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
