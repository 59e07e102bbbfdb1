"""Messages between a task's sidecar and the spoke's task API: JSON over TLS, bounded and strictly read.

    GET  /v1/task                what the task reads and writes, and the limits -> TaskView
    GET  /v1/task/inputs?from=N  the next files to fetch, with URLs -> InputPage
    POST /v1/task/uploads        pieces that are to be uploaded -> a URL for each
    POST /v1/task/outputs        OutputReport: all that the task gave out -> the pieces that are missing; none: recorded
    POST /v1/task/failure        {message}: the sidecar gives up -> {}

Every request bears the pod's service account token for the audience `AUDIENCE`. Any other status than 200 comes with
`{message}`: 404 and 410 say that nobody waits for this pod any more, 429 and 5xx that asking again may help, all else
that it won't. URLs are secrets for as long as they are valid; no message, log or error repeats them.

    bounds    how large messages may be
    records   what the messages say
    tasks     the task and what it reads
    outputs   what it gives out
    messages  refusals and failures, in a sentence
    parts     what messages are made of
"""

from typing import Final

from pipeline_executor.task_sidecar.exchange.bounds import ANSWER_BOUNDS, MOST_IN_PAGE, PAGE_BOUNDS, REPORT_BOUNDS
from pipeline_executor.task_sidecar.exchange.messages import LONGEST_MESSAGE, read_message, write_message
from pipeline_executor.task_sidecar.exchange.outputs import (
    read_pieces,
    read_report,
    read_urls,
    write_pieces,
    write_report,
    write_urls,
)
from pipeline_executor.task_sidecar.exchange.parts import LONGEST_PATH_BYTES, file_path, path_problem
from pipeline_executor.task_sidecar.exchange.records import (
    InputFile,
    InputPage,
    InputView,
    OutputFile,
    OutputReport,
    OutputView,
    PieceRequest,
    TaskLimits,
    TaskView,
)
from pipeline_executor.task_sidecar.exchange.tasks import read_inputs, read_task, write_inputs, write_task

AUDIENCE: Final = "moorage-task"
TASK: Final = "/v1/task"
INPUTS: Final = "/v1/task/inputs"
UPLOADS: Final = "/v1/task/uploads"
OUTPUTS: Final = "/v1/task/outputs"
FAILURE: Final = "/v1/task/failure"

__all__ = [
    "ANSWER_BOUNDS",
    "AUDIENCE",
    "FAILURE",
    "INPUTS",
    "LONGEST_MESSAGE",
    "LONGEST_PATH_BYTES",
    "MOST_IN_PAGE",
    "OUTPUTS",
    "PAGE_BOUNDS",
    "REPORT_BOUNDS",
    "TASK",
    "UPLOADS",
    "InputFile",
    "InputPage",
    "InputView",
    "OutputFile",
    "OutputReport",
    "OutputView",
    "PieceRequest",
    "TaskLimits",
    "TaskView",
    "file_path",
    "path_problem",
    "read_inputs",
    "read_message",
    "read_pieces",
    "read_report",
    "read_task",
    "read_urls",
    "write_inputs",
    "write_message",
    "write_pieces",
    "write_report",
    "write_task",
    "write_urls",
]
