"""The Sites' stores, opened when they are asked for; Site and keys are looked at again every minute."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from moorage import wire
from moorage.errors import InputError, NotFoundError, SourceError, StoreError
from moorage.kube import SITES, Client
from moorage.kube.credentials import read_credentials
from moorage.reading.fields import DNS_LABEL
from moorage.sources import Credentials
from moorage.sources.reasons import Reason
from moorage.sources.s3 import S3Source
from moorage.stores.store import ReadableStore

_TRUSTED_SECONDS: Final = 60.0
_MOST_OPEN: Final = 64


@dataclass
class _Open:
    location: S3Source
    credentials: Credentials | None
    store: ReadableStore
    looked_at: float


class SiteStores:
    """Stores by site; `async with` closes them.

    Args:
        client: whoever may read the Sites, and the Secrets with the stores' keys.
        namespace: where these Secrets are.
        own: keys to read with where such a Secret may not be read; None: none.
    """

    def __init__(self, client: Client, namespace: str, own: Credentials | None = None) -> None:
        self._client = client
        self._namespace = namespace
        self._own = own
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._open.values():
            await each.store.close()

    async def get(self, name: str) -> ReadableStore:
        """Return the store of a site.

        Raises:
            StoreError: there is no such Site, it declares no store, or the store's keys can't be read.
            KubeError: the API server did not answer.
        """
        async with self._opening:
            present, now = self._open.get(name), asyncio.get_running_loop().time()
            if present is not None and now - present.looked_at < _TRUSTED_SECONDS:
                return present.store
            location = await self._location(name)
            try:
                credentials = await self._credentials(location)
                if present is not None and (present.location, present.credentials) == (location, credentials):
                    present.looked_at = now
                    return present.store
                store = ReadableStore(name, location, credentials)
            except SourceError as error:
                raise StoreError(error.reason, str(error)) from None
            if present is not None:
                await present.store.close()
            self._open[name] = _Open(location, credentials, store, now)
            while len(self._open) > _MOST_OPEN:
                _, oldest = self._open.popitem(last=False)
                await oldest.store.close()
            return store

    async def _credentials(self, location: S3Source) -> Credentials | None:
        try:
            return await read_credentials(self._client, self._namespace, location)
        except SourceError as error:
            if self._own is None or error.reason not in {Reason.SECRET_FORBIDDEN, Reason.SECRET_NOT_FOUND}:
                raise
            return self._own

    async def _location(self, name: str) -> S3Source:
        if not DNS_LABEL.fullmatch(name):
            raise StoreError("NoSite", f"{name[:80]} is no name of a Site")
        try:
            site = wire.read_site(await self._client.get(SITES, name))
        except NotFoundError:
            raise StoreError("NoSite", f"Site {name} is not there") from None
        except InputError as error:
            raise StoreError("NoSite", str(error)) from None
        if not isinstance(site.artifact_store, S3Source):
            raise StoreError("NoStore", f"Site {name}: spec.artifactStore is missing")
        return site.artifact_store
