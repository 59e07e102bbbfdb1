"""A spoke that dies at a chosen write: what it does then never reaches anybody, as after kill -9."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from moorage.kube import Client
from moorage.kube.client import RawObject
from pipeline_executor.store import ArtifactStore

T = TypeVar("T")


class Life:
    """So many writes, and then death.

    Args:
        writes: how many are done; None: it does not die.
        answered: whether the last one's answer is still heard.
    """

    def __init__(self, writes: int | None, *, answered: bool = True) -> None:
        self._writes = writes
        self._answered = answered
        self.done: list[str] = []
        self.over = asyncio.Event()

    async def before(self, what: str) -> None:
        """A write is about to be sent."""
        if self.over.is_set() or (self._writes is not None and len(self.done) >= self._writes):
            await self._die()
        self.done.append(what)

    async def after(self) -> None:
        """A write was done."""
        if not self._answered and self._writes is not None and len(self.done) >= self._writes:
            await self._die()

    async def read(self) -> None:
        """Something is about to be read."""
        if self.over.is_set():
            await self._die()

    async def _die(self) -> None:
        self.over.set()
        await asyncio.Event().wait()


class MortalClient(Client):
    """A client of a spoke that may die."""

    life: Life

    async def request(  # noqa: PLR0913 - as it is there
        self,
        method: str,
        path: str,
        *,
        action: str = "",
        parameters: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> RawObject:
        """Send a request, unless it is dead."""
        writes = method != "GET" and not path.endswith("tokenreviews") and "/events" not in path
        await (self.life.before(f"{method} {path}") if writes else self.life.read())
        answer = await super().request(
            method, path, action=action, parameters=parameters, body=body, content_type=content_type
        )
        if writes:
            await self.life.after()
        return answer


def mortal_client(kubeconfig: Path, life: Life) -> MortalClient:
    """A client with this life."""
    client = MortalClient.from_environment(kubeconfig)
    client.life = life
    return client


class MortalStore(ArtifactStore):
    """A store of a spoke that may die."""

    life: Life

    async def run(self, action: str, work: Callable[[], T]) -> T:
        """Do something in the store, unless it is dead."""
        writes = action.startswith(("write", "delete"))
        await (self.life.before(action) if writes else self.life.read())
        done = await super().run(action, work)
        if writes:
            await self.life.after()
        return done


def mortal_stores(life: Life) -> Callable[..., ArtifactStore]:
    """What opens stores with this life, in the place of `open_store`."""

    def open_mortal(site: str, location: Any, credentials: Any) -> ArtifactStore:  # noqa: ANN401 - as it is there
        store = MortalStore(site, location, credentials)
        store.life = life
        return store

    return open_mortal
