"""`python3 -m pipeline_executor.task_sidecar`: fetch what the task reads; once told to end, upload what it wrote."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from moorage.errors import MoorageError, TaskError
from moorage.settings import read
from pipeline_executor.task_sidecar.api import GoneError, TaskApi
from pipeline_executor.task_sidecar.exchange import TaskView
from pipeline_executor.task_sidecar.fetching import Fetcher
from pipeline_executor.task_sidecar.journal import FETCHED, REPORTED, UPLOADING, Journal
from pipeline_executor.task_sidecar.settings import SidecarSettings
from pipeline_executor.task_sidecar.trying import StoppedError
from pipeline_executor.task_sidecar.uploading import Uploader

_FAILURE_SECONDS: Final = 60.0

_log = logging.getLogger("moorage.task")


def main() -> int:
    """Run; 0 all is done, or nobody needs it; 1 it can't be done, as the task API was told; 2 bad settings."""
    try:
        settings = read(SidecarSettings)
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    # The task runs as another user, perhaps, and writes beside what is fetched.
    os.umask(0)
    journal = Journal(settings.run_dir)
    try:
        if journal.failure is None:
            _serve(settings, journal)
    except (GoneError, StoppedError) as error:
        _log.info("nobody waits for this task: %s", error or "the pod ends")
        return 0
    except MoorageError as error:
        _log.error("%s", error)
        journal.fail(str(error))
    failure = journal.failure
    return 0 if failure is None else _fail(settings, failure)


def _serve(settings: SidecarSettings, journal: Journal) -> None:
    if journal.is_noted(REPORTED):
        return
    told_to_end = threading.Event()
    restarted = journal.is_noted(FETCHED)
    if not restarted:
        # The running transfers are not needed, and a read from a silent server would last half a minute.
        _when_told_to_end(lambda: os._exit(0))
        api = _api(settings, threading.Event())
        _fetch(settings, api, api.task())
        _when_told_to_end(told_to_end.set)
        journal.note(FETCHED)
        _log.info("all that the task reads is here")
    _when_told_to_end(told_to_end.set)
    if not journal.is_noted(UPLOADING):
        _log.info("waiting for the task to end")
        if restarted:
            _ask_for_the_end(settings, told_to_end)
        told_to_end.wait()
        journal.note(UPLOADING)
    # From here on it ends when it is done, however often it is told to.
    api = _api(settings, threading.Event())
    uploader = Uploader(
        api=api,
        view=api.task(),
        journal=journal,
        workers=settings.workers,
        patience_seconds=settings.patience_seconds,
    )
    uploader.run()
    journal.note(REPORTED)
    _log.info("all that the task wrote is in the store")


def _ask_for_the_end(settings: SidecarSettings, told_to_end: threading.Event) -> None:
    """Ask the spoke whether the task has ended, until it has, or the kubelet says so.

    A container's first process gets no signal that it has no handler for. So where the task ended while this one was
    being started again, the kubelet's word is lost, and the kubelet does not repeat it within the grace.
    """
    api = _api(settings, told_to_end)
    while not told_to_end.wait(settings.ask_seconds):
        with contextlib.suppress(StoppedError, TaskError):
            if api.task().ended:
                told_to_end.set()


def _when_told_to_end(act: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: act())


def _fetch(settings: SidecarSettings, api: TaskApi, view: TaskView) -> None:
    for output in view.outputs:
        _make_folder(Path(output.path).parent)
    _make_folder(Path(view.executor_output).parent)
    fetcher = Fetcher(
        api=api,
        view=view,
        mounts=settings.mounts,
        workers=settings.workers,
        patience_seconds=settings.patience_seconds,
        stop=api.stop,
    )
    fetcher.run()


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TaskError(f"{path}: it can't be made ({error.strerror}): mount an emptyDir there") from None


def _api(settings: SidecarSettings, stop: threading.Event) -> TaskApi:
    return TaskApi(settings.task_api, settings.task_api_ca, settings.token_file, settings.patience_seconds, stop)


def _fail(settings: SidecarSettings, message: str) -> int:
    """Tell the spoke, and whoever describes the pod. A restarted sidecar tells it again: the pod must not hang."""
    with contextlib.suppress(OSError):
        settings.termination_log.write_text(message, encoding="utf-8")
    api = TaskApi(settings.task_api, settings.task_api_ca, settings.token_file, _FAILURE_SECONDS, threading.Event())
    try:
        api.fail(message)
    except (GoneError, StoppedError):
        pass
    except MoorageError as error:
        _log.error("the spoke can't be told: %s", error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
