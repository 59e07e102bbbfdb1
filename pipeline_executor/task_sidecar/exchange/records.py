"""Records of the messages, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLimits:
    """The limits of one attempt's outputs.

    Attributes:
        files: of all artifacts together.
        size_bytes: of all artifacts together.
        depth: folders within each other, below an output.
        text_bytes: the parameters and the executor's output file together.
    """

    files: int = 100_000
    size_bytes: int = 5 << 40
    depth: int = 64
    text_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True)
class InputView:
    """An artifact that the task reads; `path` is where its container looks for it."""

    path: str
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OutputView:
    """Something that the task may write to `path`: an artifact (a file or a folder), else a parameter (a file)."""

    name: str
    path: str
    is_artifact: bool


@dataclass(frozen=True, slots=True)
class TaskView:
    """One attempt of a task, as its sidecar has to know it.

    Attributes:
        executor_output: the file in which Kubeflow's executor says what it gives out.
        store_certificates: PEM, of the authorities to trust besides the image's; "": none.
        ended: whether the task's own container has ended.
    """

    inputs: tuple[InputView, ...]
    outputs: tuple[OutputView, ...]
    executor_output: str
    limits: TaskLimits
    store_certificates: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to fetch.

    Attributes:
        input: its artifact's index in `TaskView.inputs`.
        path: below the artifact's; "" where the artifact is one file.
        sha256: "" where it is not known.
    """

    input: int
    path: str
    size_bytes: int
    sha256: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InputPage:
    """Some files, and where the next page begins; None: this was the last."""

    files: tuple[InputFile, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class PieceRequest:
    """A piece of a file that is to be uploaded: the whole file, or one part of a large one (see `pieces`).

    Attributes:
        output: the artifact's name.
        path: the file's, below the artifact's; "" where the artifact is one file.
        file_bytes: of the whole file.
        part: from 1; 0: the whole.
    """

    output: str
    path: str
    file_bytes: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that was uploaded."""

    output: str
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OutputReport:
    """The report of an attempt's outputs.

    Attributes:
        files: of all artifacts.
        parameters: what was in the parameters' files, by name; those that were not written are absent.
        executor_output: what was in that file; None: it was not written.
        bytes_in: how many bytes were fetched for it.
    """

    files: tuple[OutputFile, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    executor_output: str | None = None
    bytes_in: int = 0
