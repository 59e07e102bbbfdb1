"""The neighbours of one fill: views of them as they come, what each of them has, and a connection for each thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moorage.calling.failures import TryAgainError
from moorage.errors import InputError
from moorage.grants.neighbours import Pass
from node_plugin.filler.board import Board
from node_plugin.filler.exchange import MOST_VIEW_BYTES, Sharing, View, read_view
from node_plugin.filler.neighbour import NeighbourError, NeighbourFolder, client_context, version_path

_ASK_SECONDS: Final = 1.0
_MOST_SILENCES: Final = 3
_IDLE_SECONDS: Final = 20.0


class Views:
    """The newest view that the node plugin told of."""

    def __init__(self) -> None:
        self._newest = View(settled=False)
        self._board: Board | None = None
        self._lock = threading.Lock()
        self._is_settled = threading.Event()

    @property
    def newest(self) -> View:
        """What it said last."""
        return self._newest

    def settled(self, most_seconds: float) -> View:
        """The newest view, once nodes that began at the same time are in it, or after so many seconds."""
        self._is_settled.wait(most_seconds)
        return self._newest

    def follow(self, read_line: Callable[[int], bytes]) -> None:
        """Read views until there is nothing more to read."""
        while line := read_line(MOST_VIEW_BYTES + 1):
            try:
                view = read_view(line)
            except InputError:
                continue  # of another release; what was said before counts on
            with self._lock:
                self._newest = view
                if view.settled:
                    self._is_settled.set()
                if self._board is not None:
                    self._board.see(view)

    def show(self, board: Board) -> None:
        """Tell a board of the newest view, and of all that follow."""
        with self._lock:
            self._board = board
            board.see(self._newest)


@dataclass(slots=True)
class _Asked:
    """One neighbour, as it was asked."""

    silences: int = 0
    progress: str = ""
    since: float = 0.0


class Circle:
    """Connections to the neighbours, for one thread.

    Args:
        sharing: which version.
        views: who they are.
    """

    def __init__(self, sharing: Sharing, views: Views) -> None:
        self._sharing = sharing
        self._views = views
        self._folders: dict[str, tuple[tuple[str, Pass], NeighbourFolder]] = {}

    def folder(self, node: str) -> NeighbourFolder:
        """The version at a neighbour.

        Raises:
            NeighbourError: nobody knows how to reach it.
        """
        view = self._views.newest
        found = next((each for each in view.neighbours if each.node == node), None)
        if found is None or view.shown is None:
            message = "is no neighbour any more"
            raise NeighbourError(message)
        known = self._folders.get(node)
        if known is not None and known[0] == (found.address, view.shown):
            return known[1]
        try:
            context = client_context(self._sharing.authorities, view.shown)
            path = version_path(self._sharing.dataset, self._sharing.version)
            folder = NeighbourFolder(node, found.address, context, path)
        except (TryAgainError, ValueError) as error:
            raise NeighbourError(str(error)) from error
        if known is not None:
            known[1].close()
        self._folders[node] = (found.address, view.shown), folder
        return folder

    def close(self) -> None:
        """Close all connections."""
        for _, folder in self._folders.values():
            folder.close()


def ask_around(board: Board, circle: Circle, objects: int, stop: threading.Event) -> None:
    """Ask the neighbours that are bringing the version what they have, again and again; leave those that bring nothing.

    Args:
        board: hears of it.
        circle: a thread's own.
        objects: how many the version has.
        stop: ends it.
    """
    known: dict[str, _Asked] = {}
    try:
        while not stop.wait(_ASK_SECONDS):
            for node in board.asked():
                asked = known.setdefault(node, _Asked(since=time.monotonic()))
                try:
                    having = circle.folder(node).having(objects)
                except (TryAgainError, NeighbourError) as error:
                    asked.silences += 1
                    if asked.silences >= _MOST_SILENCES:
                        board.leave(node, f"does not say what it has ({error})")
                    continue
                asked.silences = 0
                if having.progress != asked.progress or node not in board.awaited:
                    asked.progress, asked.since = having.progress, time.monotonic()
                board.told(node, having)
                if time.monotonic() - asked.since > _IDLE_SECONDS:
                    board.leave(node, f"has brought nothing for {_IDLE_SECONDS:g} s")
    finally:
        circle.close()
