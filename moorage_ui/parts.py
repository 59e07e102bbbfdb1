"""The dependencies of the handlers."""

from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from moorage_ui.records import Records
from moorage_ui.streams import Streams
from moorage_ui.viewers import Viewer


class Gate(Protocol):
    """The authentication of the pages, which admits people and turns strangers away."""

    sign_in: bool
    """Whether people may sign in and out here."""

    async def admit(self, request: web.Request) -> Viewer:
        """Authenticate the request.

        Raises:
            web.HTTPException: a stranger, and what they may do about it.
            KubeError: the API server did not answer.
        """
        ...

    def add_routes(self, app: web.Application) -> None:
        """Register the routes that people need to sign in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The dependencies of the handlers.

    Attributes:
        gate: who may come in.
        records: reads the stores.
        streams: pages that follow what happens.
        holder: whose keys the stores are read with, for messages: `you`, or the server's account.
    """

    gate: Gate
    records: Records
    streams: Streams
    holder: str = "you"


PARTS: Final = web.AppKey("PARTS", Parts)
VIEWER: Final = "viewer"


def viewer_of(request: web.Request) -> Viewer:
    """Return the viewer, whom the application has authenticated."""
    viewer: Viewer = request[VIEWER]
    return viewer
