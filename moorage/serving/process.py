"""The entry point of every component: read the settings, set up logs, run until SIGTERM, answer with an exit code.

0    ended in order
1    can't start or go on: the cluster does not answer, a certificate or a file can't be used
2    a setting can't be used; the message names it
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from moorage.errors import MoorageError, SettingError
from moorage.serving.logs import set_up
from moorage.settings import read

FAILED = 1
UNUSABLE = 2


class Settings(Protocol):
    """The settings that every component has."""

    @property
    def log_level(self) -> str:
        """DEBUG, INFO, WARNING or ERROR."""


S = TypeVar("S", bound=Settings)


def run_component(settings_type: type[S], run: Callable[[S], Coroutine[Any, Any, None]]) -> int:
    """Run a component; gives the process's exit code."""
    try:
        settings = read(settings_type)
        set_up(level=settings.log_level)
        asyncio.run(run(settings))
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE if isinstance(error, SettingError) else FAILED
    return 0
