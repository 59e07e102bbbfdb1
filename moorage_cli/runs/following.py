"""A live view of a run: a tree that is drawn over on a terminal, a line for each change elsewhere."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from moorage.errors import NotFoundError
from moorage.kube import STRETCHED_PIPELINES, Change, Client, RawObject, Reflector
from moorage.kube.client import Selection
from moorage_cli.output import say
from moorage_cli.runs.drawing import picture
from moorage_cli.runs.telling import changes, exit_code, next_steps, phase_of, summary

if TYPE_CHECKING:
    from rich.text import Text

_FIRST_SECONDS = 30.0


async def follow(client: Client, namespace: str, name: str) -> int:
    """Show the run until it ends; gives the exit code for how it ended.

    Raises:
        NotFoundError: there is no such run, or it was deleted meanwhile.
        KubeError: the API server refused; while it does not answer, it is asked again.
    """
    view = _Tree(name) if sys.stdout.isatty() else _Lines(name)
    last: Mapping[str, Any] = {}
    try:
        async for raw in _statuses(client, namespace, name):
            last = raw.get("status") or {}
            view.show(last)
            if phase_of(last).is_final:
                break
    except asyncio.CancelledError:
        view.close()
        say(f"The run goes on. See it again: moorage runs show {name} -n {namespace} --follow", err=True)
        say(f"End it: moorage runs cancel {name} -n {namespace}", err=True)
        raise
    view.close()
    say(summary(name, last))
    if last.get("message"):
        say(str(last["message"]))
    for step in next_steps(last, name, namespace):
        say(step, err=True)
    return exit_code(phase_of(last))


async def _statuses(client: Client, namespace: str, name: str) -> AsyncIterator[RawObject]:
    """The object as it is, and whenever it changes."""
    news: asyncio.Queue[RawObject | None] = asyncio.Queue()

    def take(change: Change[_Kept]) -> None:
        news.put_nowait(change.after.raw if change.after else None)

    selection = Selection(namespace=namespace, fields=f"metadata.name={name}")
    async with Reflector(client, STRETCHED_PIPELINES, project=_Kept, selection=selection, on_change=take) as reflector:
        await reflector.wait_synced(_FIRST_SECONDS)
        if not reflector.snapshot():
            await client.get(STRETCHED_PIPELINES, name, namespace)  # which says that it is not there
        while True:
            raw = await news.get()
            if raw is None:
                raise NotFoundError(f"StretchedPipeline {namespace}/{name} was deleted", status=404)
            yield raw


class _Kept:
    """A raw object, as the reflector keeps it."""

    def __init__(self, raw: RawObject) -> None:
        self.raw = raw


class _Lines:
    """For pipes and logs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: Mapping[str, Any] = {}

    def show(self, status: Mapping[str, Any]) -> None:
        """Print what is new."""
        for line in changes(self._before, status):
            say(f"{self._name}: {line}")
        self._before = status
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing is open."""


class _Tree:
    """For a terminal."""

    def __init__(self, name: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - a tenth of a second that pipes do not pay
        from rich.live import Live  # noqa: PLC0415

        self._name = name
        self._console = Console()
        self._status: Mapping[str, Any] = {}
        # Drawn each second, because what runs takes longer and longer.
        self._live = Live(
            console=self._console, get_renderable=self._picture, refresh_per_second=1, vertical_overflow="visible"
        )
        self._live.start()

    def show(self, status: Mapping[str, Any]) -> None:
        """Draw it anew."""
        self._status = status
        self._live.refresh()

    def _picture(self) -> "Text":
        return picture(self._name, self._status, self._console, fit=True)

    def close(self) -> None:
        """Leave the last picture where it is."""
        self._live.stop()
