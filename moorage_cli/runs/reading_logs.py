"""Which tasks' logs are meant, how far each was printed, and how lines of many tasks are told apart. Pure."""

from dataclasses import dataclass

from moorage.runs import TaskPhase, read_phase
from moorage.stores import LogPiece
from moorage_cli.runs.telling import Status, phase_of

_MOST_NAMED = 50
_NEVER_BEGAN = frozenset({"", TaskPhase.PENDING, TaskPhase.SKIPPED, TaskPhase.CACHED})


def tasks_in(status: Status) -> list[str]:
    """The names of the run's tasks, as many as a message may hold."""
    return [str(task.get("name")) for task in status.get("tasks") or ()][:_MOST_NAMED]


def is_unknown(status: Status, task: str) -> bool:
    """Whether the run has no such task; False where nobody can tell yet, or of an iteration of a loop that it has."""
    named = {str(each.get("name")) for each in status.get("tasks") or ()}
    loops = {name.partition("#")[0] for name in named}
    return bool(named) and task not in named and task.partition("#")[0] not in loops


def has_no_attempt(status: Status, task: str | None, attempt: int | None) -> bool:
    """Whether the task has not had so many attempts."""
    known = _named(status, task)
    return known is not None and attempt is not None and attempt > int(known.get("attempt") or 0)


def why_no_log(name: str, status: Status, task: str | None, attempt: int | None) -> str:
    """Why there is nothing to print: of a task, how far it is and what is wrong with it."""
    run = f"run {name} is {phase_of(status).value}"
    known = _named(status, task)
    if known is None:
        return f"There is no log yet: {run}{_because(status)}."
    if has_no_attempt(status, task, attempt):
        last = int(known.get("attempt") or 0)
        return f"Task {task} has had {last} attempt{'s' if last != 1 else ''}; there is no attempt {attempt}."
    return f"There is no log yet: task {task} is {known.get('phase')}{_because(known)}; {run}."


def _named(status: Status, task: str | None) -> Status | None:
    return next((each for each in status.get("tasks") or () if each.get("name") == task), None)


def _because(entry: Status) -> str:
    return f" ({entry['message']})" if entry.get("message") else ""


def chosen(status: Status, task: str | None, *, everything: bool) -> list[str]:
    """The tasks whose logs are meant: the one that is named, all that have begun, or those that failed."""
    if task is not None:
        return [task]
    phases = {str(each.get("name")): str(each.get("phase") or "") for each in status.get("tasks") or ()}
    if everything:
        return [name for name, phase in phases.items() if phase not in _NEVER_BEGAN]
    return [name for name, phase in phases.items() if phase == TaskPhase.FAILED]


def has_ended(status: Status, task: str) -> bool:
    """Whether no further attempt of a task comes; one of a loop's iterations has ended when the loop has."""
    if phase_of(status).is_final:
        return True
    phases = {str(each.get("name")): str(each.get("phase") or "") for each in status.get("tasks") or ()}
    phase = phases.get(task, phases.get(task.partition("#")[0], ""))
    return bool(phase) and read_phase(phase, TaskPhase.PENDING, TaskPhase.RUNNING).is_final


@dataclass(slots=True)
class Cursor:
    """How far the log of one task was printed.

    Attributes:
        attempt: the one that is asked for; None: the last.
        prefixed: whether each line begins with the task's name.
        seen: the attempt that is being printed; 0: none yet.
        complete: whether nothing comes any more.
    """

    task: str
    attempt: int | None
    prefixed: bool = False
    seen: int = 0
    offset: int = 0
    complete: bool = False
    _rest: bytes = b""

    def take(self, piece: LogPiece) -> bytes:
        """What is to be printed for the next piece of the log."""
        self.seen = piece.attempt
        self.offset = piece.next_offset
        self.complete = piece.complete
        content = self._rest + piece.content
        cut = len(content) if piece.complete or not self.prefixed else content.rfind(b"\n") + 1
        self._rest = content[cut:]
        if not self.prefixed:
            return content
        prefix = f"[{self.task}] ".encode()
        return b"".join(prefix + line + b"\n" for line in content[:cut].splitlines())

    def begin(self) -> None:
        """Another attempt follows."""
        self.seen, self.offset, self.complete, self._rest = 0, 0, False, b""
