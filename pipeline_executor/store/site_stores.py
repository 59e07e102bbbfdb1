"""The Sites' artifact stores, opened when they are asked for; their keys are looked at again every minute.

Each stays the same object while the Site names the same place: other keys change what it does its requests with.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from moorage.errors import SourceError, StoreError
from moorage.kube import Client
from moorage.kube.credentials import read_credentials
from moorage.model import Site
from moorage.sources import Credentials, Location
from moorage.sources.s3 import S3Source
from pipeline_executor.store.artifact_store import ArtifactStore, open_store, place_of

_TRUSTED_SECONDS = 60.0


@dataclass
class _Open:
    location: Location
    credentials: Credentials | None
    store: ArtifactStore
    looked_at: float


class SiteStores:
    """Stores by site; `async with` closes them.

    Args:
        client: the API server that has those Secrets.
        namespace: where the Secrets with the stores' keys are.
        site: a Site by its name; None where there is none.
    """

    def __init__(self, client: Client, namespace: str, site: Callable[[str], Site | None]) -> None:
        self._client = client
        self._namespace = namespace
        self._site = site
        self._open: dict[str, _Open] = {}
        self._left: list[ArtifactStore] = []
        self._opening: dict[str, asyncio.Lock] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in (*self._left, *(each.store for each in self._open.values())):
            await store.__aexit__(None, None, None)

    async def get(self, name: str) -> ArtifactStore:
        """The store of a site.

        Raises:
            StoreError: there is no such Site, it declares no store, or the store's keys can't be read.
            KubeError: the API server did not answer.
        """
        site = self._site(name)
        if site is None:
            raise StoreError("NoSite", f"Site {name} is not there: create it again, or run the pipeline anew")
        location = site.artifact_store
        if not isinstance(location, S3Source):
            problem = f"Site {name}: spec.artifactStore is missing: declare the bucket that runs may use"
            raise StoreError("NoStore", problem)
        async with self._opening.setdefault(name, asyncio.Lock()):
            present, now = self._open.get(name), asyncio.get_running_loop().time()
            if present is not None and present.location == location and now - present.looked_at < _TRUSTED_SECONDS:
                return present.store
            try:
                credentials = await read_credentials(self._client, self._namespace, location)
            except SourceError as error:
                raise StoreError(error.reason, f"Site {name}: {error}") from None
            if present is not None:
                if present.location == location and present.credentials == credentials:
                    present.looked_at = now
                    return present.store
                if present.store.place == place_of(location):
                    # Whoever holds the store goes on with it: it is not closed, and no other takes its place.
                    present.store.renew(location, credentials)
                    self._open[name] = _Open(location, credentials, present.store, now)
                    return present.store
                # Groups under way end where they began: their paths, and the URLs that their pods have, are of there.
                self._left.append(present.store)
            opened = _Open(location, credentials, open_store(name, location, credentials), now)
            self._open[name] = opened
            return opened.store
