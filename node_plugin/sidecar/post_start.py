"""`python3 -m node_plugin.sidecar.post_start`: the container's postStart hook, which ends once every dataset is served.

The kubelet starts the next container of the pod then. A startup probe would say the same a second or two later: the
kubelet first probes when it has seen the container run, asks once a second, and must see the pod again before it acts
(docs/decisions/0034-a-hook-instead-of-a-probe.md). A module of its own with few imports, because it is started beside
the supervisor.
"""

import contextlib
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from moorage.errors import MoorageError
from moorage.settings import read
from node_plugin.sidecar import progress
from node_plugin.sidecar.settings import SidecarSettings

_LOOK_AGAIN_SECONDS: Final = 0.02
# What is written here is in the pod's status when the container has ended; a failed hook ends it.
_TERMINATION_MESSAGE: Final = Path("/dev/termination-log")


def main() -> int:
    """Wait; 0 all is served, or the patience is over; 1 refused, which the pod's status then says; 2 bad settings.

    When the patience is over nothing is lost by going on: the sidecar keeps trying, and a container whose mount has no
    server can't be started before it has one, because the mount is dead and no empty folder.
    """
    try:
        settings = read(SidecarSettings)
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    deadline = monotonic() + settings.hook_seconds
    while not (outlook := progress.look(settings.run_dir, settings.volumes)).served:
        if outlook.refused:
            return _refused(outlook.message)
        if monotonic() > deadline:
            break
        sleep(_LOOK_AGAIN_SECONDS)
    return 0


def _refused(message: str) -> int:
    sys.stdout.write(f"{message}\n")
    with contextlib.suppress(OSError), _TERMINATION_MESSAGE.open("w", encoding="utf-8") as file:
        file.write(message)
    return 1


if __name__ == "__main__":
    sys.exit(main())
