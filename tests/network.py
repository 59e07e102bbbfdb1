"""A network that can be cut, or that falls silent as a lost machine does."""

import asyncio
import contextlib
from typing import Self


class Network:
    """A TCP relay to the API server that can be cut, or can fall silent as a lost machine does."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._passing = asyncio.Event()
        self._passing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.accepting = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.restore()
        self.cut()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where a client connects."""
        assert self._server is not None
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break all connections, and accept none."""
        self.accepting = False
        for writer in self._open:
            writer.transport.abort()

    def freeze(self) -> None:
        """Swallow everything from now on, without a word to either side."""
        self._passing.clear()

    def restore(self) -> None:
        """Work again, for new connections and frozen ones."""
        self.accepting = True
        self._passing.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.accepting:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            mine = {writer, far_writer}
            self._open |= mine
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
            self._open -= mine

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(65536):
                await self._passing.wait()
                writer.write(content)
                await writer.drain()
        writer.close()
