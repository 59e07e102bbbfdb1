"""Event streams that tell a page when its run, or its list of runs, has changed."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from moorage.errors import ForbiddenError, KubeError, NotFoundError
from moorage.kube import STRETCHED_PIPELINES, Client, Selection
from moorage_ui.streams import Sent
from moorage_ui.tables import read_table
from moorage_ui.views.run_rows import RunRow, read_rows

_LIST_SECONDS: Final = 3.0
_SHARE: Final = 20
"""Looking again takes a twentieth of the time at most."""
_CALM_SECONDS: Final = 0.7
_WATCH_SECONDS: Final = 120
_POLL_SECONDS: Final = 3.0


async def list_runs(client: Client, namespace: str) -> tuple[list[RunRow], bool]:
    """List a namespace's runs, or all where it is "", without their specs; and tell whether there are more.

    Raises:
        KubeError: the API server does not let the client, or did not answer.
    """
    rows: list[RunRow] = []
    table = await read_table(client, STRETCHED_PIPELINES, namespace)
    for page in table.pages:
        rows += read_rows(page)
    return rows, table.cut_off


def version_of(rows: Iterable[RunRow]) -> str:
    """Return a digest that tells whether a list is another one."""
    told = hashlib.sha256()
    for row in rows:
        told.update(repr(row).encode("utf-8", "backslashreplace"))
    return told.hexdigest()[:16]


async def changes_of_list(client: Client, namespace: str, shown: str) -> AsyncIterator[Sent]:
    """Yield `changed` whenever the list differs from the one that was shown."""
    while True:
        began = time.monotonic()
        try:
            rows, _ = await list_runs(client, namespace)
        except ForbiddenError:
            yield Sent("gone")
            return
        except KubeError:
            await asyncio.sleep(_POLL_SECONDS)
            continue
        if (version := version_of(rows)) != shown:
            shown = version
            yield Sent("changed", id=version)
        await asyncio.sleep(max(_LIST_SECONDS, _SHARE * (time.monotonic() - began)))


async def changes_of_run(client: Client, namespace: str, name: str, shown: str) -> AsyncIterator[Sent]:
    """Yield `changed` when the run differs from the one shown, at most once a second; `gone` at its end."""
    while True:
        try:
            raw = await client.get(STRETCHED_PIPELINES, name, namespace)
        except (NotFoundError, ForbiddenError):
            yield Sent("gone")
            return
        except KubeError:
            await asyncio.sleep(_POLL_SECONDS)
            continue
        version = str(raw["metadata"].get("resourceVersion") or "")
        if version != shown:
            shown = version
            yield Sent("changed", id=version)
        await _until_something_happens(client, namespace, name, version)
        await asyncio.sleep(_CALM_SECONDS)


async def _until_something_happens(client: Client, namespace: str, name: str, version: str) -> None:
    """Return once the run may have changed. Who may get it and not watch it looks again now and then."""
    selection = Selection(namespace=namespace, fields=f"metadata.name={name}")
    try:
        async with client.watch(STRETCHED_PIPELINES, version, selection, server_seconds=_WATCH_SECONDS) as events:
            async for event in events:
                if event.get("type") != "BOOKMARK":
                    return
    except ForbiddenError:
        await asyncio.sleep(_POLL_SECONDS)
    except KubeError:
        await asyncio.sleep(1)
