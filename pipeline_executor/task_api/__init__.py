"""The task API: sidecars ask a spoke for URLs of their own attempt's inputs and outputs, and report to it.

A caller is any pod of any tenant. It proves which pod it is with a token that the API server vouches for, learns of its
own attempt only, and can write nowhere but where that attempt may.

    tasks      what the API asks of the spoke
    identity   which pod calls (pure)
    pacing     how much one pod may ask
    places     where an attempt may read and write (pure)
    viewing    what it is shown, and URLs for what it reads
    uploading  URLs for what it writes
    recording  what it gave out, once all of it is there
    app        the HTTP face
"""

from pipeline_executor.task_api.app import LIMITS, make_app
from pipeline_executor.task_api.tasks import NoTasks, Task, TaskInput, Tasks

__all__ = ["LIMITS", "NoTasks", "Task", "TaskInput", "Tasks", "make_app"]
