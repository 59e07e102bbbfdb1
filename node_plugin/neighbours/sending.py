"""What every answer to another node has in common: whose pass it shows, its pace, a neighbour that takes nothing."""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from moorage.grants.neighbours import Reading
from moorage.queueing.rate import Rate, TokenBucket
from moorage.serving import metrics
from moorage.serving.slots import Slots

PIECE_BYTES: Final = 1 << 20
TRUSTED_SECONDS: Final = 90.0
"""As long as what the broker said of what may be here is believed."""
_PIECE_SECONDS: Final = 20.0
_MOST_OBJECTS_AT_ONCE: Final = 16
_MOST_OF_ONE: Final = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """What a caller's pass says.

    Attributes:
        ends_at: seconds since 1970.
    """

    reading: Reading
    ends_at: float


def shown(request: web.Request) -> Shown:
    """The caller's pass.

    Raises:
        HTTPForbidden: it shows none.
    """
    transport = request.transport
    certificate = (None if transport is None else transport.get_extra_info("peercert")) or {}
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    found = Reading.read(uris[0]) if len(uris) == 1 else None
    if found is None:
        raise web.HTTPForbidden
    return Shown(found, ssl.cert_time_to_seconds(str(certificate.get("notAfter"))))


@dataclass(slots=True)
class Sending:
    """How fast, and to how many at once.

    Attributes:
        bytes_per_second: that all neighbours get together.
    """

    bytes_per_second: int
    slots: Slots = field(default_factory=lambda: Slots(_MOST_OBJECTS_AT_ONCE, _MOST_OF_ONE))
    _bucket: TokenBucket | None = None

    async def pace(self) -> None:
        """Wait until another piece may go."""
        if self._bucket is None:
            self._bucket = TokenBucket(Rate(max(self.bytes_per_second / PIECE_BYTES, 0.1), 4))
        now = time.monotonic()
        ready = self._bucket.ready_at(now)
        self._bucket.spend(now)
        if ready > now:
            await asyncio.sleep(ready - now)

    async def write(self, request: web.Request, response: web.StreamResponse, piece: bytes) -> None:
        """Send a piece to a caller that takes it.

        Raises:
            ConnectionResetError: it doesn't, and others want its place.
        """
        try:
            async with asyncio.timeout(_PIECE_SECONDS):
                await response.write(piece)
        except TimeoutError as error:
            if request.transport is not None:
                request.transport.abort()
            message = "the neighbour takes too little"
            raise ConnectionResetError(message) from error
        metrics.NEIGHBOUR_BYTES.inc(len(piece))
