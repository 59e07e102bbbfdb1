"""The index of Sites: kopf's events keep it, and a resync now and then finds what a broken watch missed."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from moorage.errors import InputError, KubeError
from moorage.kube import SITES, Client
from moorage.model import Site
from moorage.sites import Inventory
from moorage.wire import read_site

RESYNC_SECONDS = 60.0
_BLIND_AFTER_SECONDS = 3 * RESYNC_SECONDS

_log = logging.getLogger(__name__)


class SiteIndex:
    """The Sites that can be read, by name.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sites: dict[str, Site] = {}
        self._inventory: Inventory | None = None
        self._tell: Callable[[str], None] = lambda _: None
        self._synced_at: float | None = None

    def tell(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with the name of each Site that changes from now on."""
        self._tell = tell

    def inventory(self) -> Inventory:
        """Return the Sites as they are; the same object until one changes."""
        if self._inventory is None:
            self._inventory = Inventory.of(self._sites.values())
        return self._inventory

    def problem(self) -> str | None:
        """Return the reason why the index may be stale, or None."""
        if self._synced_at is None:
            return "sites not in the cache yet"
        age_seconds = asyncio.get_running_loop().time() - self._synced_at
        return (
            f"the watch on sites has been broken for {age_seconds:.0f} s"
            if age_seconds > _BLIND_AFTER_SECONDS
            else None
        )

    def saw(self, raw: Mapping[str, Any]) -> None:
        """Take a Site as it now is."""
        name = str(raw["metadata"]["name"])
        try:
            site = read_site(raw)
        except InputError as error:
            _log.warning("%s", error)
            self.lost(name)
            return
        if self._sites.get(name) != site:
            self._sites[name] = site
            self._changed(name)

    def lost(self, name: str) -> None:
        """Take it that a Site is gone."""
        if self._sites.pop(name, None) is not None:
            self._changed(name)

    async def resync(self) -> None:
        """List all Sites, and drop those that are gone.

        Raises:
            KubeError: the list did not come.
        """
        listed = await self._client.list(SITES)
        for raw in listed:
            self.saw(raw)
        for name in self._sites.keys() - {raw["metadata"]["name"] for raw in listed}:
            self.lost(name)
        self._synced_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Resync now and then until cancelled."""
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            try:
                await self.resync()
            except KubeError as error:
                _log.warning("sites: %s", error)

    def _changed(self, name: str) -> None:
        self._inventory = None
        self._tell(name)
