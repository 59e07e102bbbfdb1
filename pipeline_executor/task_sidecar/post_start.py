"""`python3 -m pipeline_executor.task_sidecar.post_start`: the postStart hook, which ends once all inputs are fetched.

The kubelet starts the task's container then. A module of its own with few imports, because it is started beside the
sidecar.
"""

import contextlib
import sys
from time import sleep
from typing import Final

from moorage.errors import MoorageError
from moorage.settings import read
from pipeline_executor.task_sidecar.journal import FETCHED, Journal
from pipeline_executor.task_sidecar.settings import SidecarSettings

_LOOK_AGAIN_SECONDS: Final = 0.05


def main() -> int:
    """Wait; 0 all is fetched; 1 it can't be, which the pod's status then says; 2 bad settings.

    It waits for as long as the sidecar tries, which is bounded: deleting the pod ends both at once.
    """
    try:
        settings = read(SidecarSettings)
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    journal = Journal(settings.run_dir)
    while not journal.is_noted(FETCHED):
        if (message := journal.failure) is not None:
            sys.stdout.write(f"{message}\n")
            with contextlib.suppress(OSError):
                settings.termination_log.write_text(message, encoding="utf-8")
            return 1
        sleep(_LOOK_AGAIN_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
