"""What a run that has succeeded teaches: seconds of its tasks, sizes of what they made. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from moorage.runs import RunRef, TaskPhase
from moorage.runs.measurements import Measured
from pipeline_executor.distribution.seen import SeenGroup
from pipeline_executor.hub.reporting import Ended, seconds_between
from pipeline_splitter.plan import Plan


@dataclass(frozen=True, slots=True)
class Made:
    """How large the outputs of one attempt of a task are, in bytes; `task` as in the store: `train#2/evaluate`."""

    task: str
    attempt: int
    sizes: Mapping[str, int]


def path_of(task: str) -> str:
    """A task's name in plan and hints: without the numbers of iterations."""
    return "/".join(part.partition("#")[0] for part in task.split("/"))


def successes(ended: Iterable[Ended]) -> dict[str, Ended]:
    """Of each task, the last attempt that succeeded, by its name in the store."""
    found: dict[str, Ended] = {}
    for each in ended:
        known = found.get(each.task)
        if each.end.phase is TaskPhase.SUCCEEDED and (known is None or each.attempt > known.attempt):
            found[each.task] = each
    return found


def measured(  # noqa: PLR0913 - each is a keyword
    run: RunRef,
    plan: Plan,
    ended: Collection[Ended],
    made: Collection[Made],
    seen: Collection[SeenGroup],
    *,
    speeds: Mapping[str, float],
    end: str,
) -> Measured:
    """What one run took.

    Args:
        run: the run.
        plan: its last plan.
        ended: how attempts of its tasks ended.
        made: how large the outputs of attempts are.
        seen: its PipelineGroups: what crossed between sites.
        speeds: of the sites, by name; d seconds take d divided by the speed there.
        end: when the run ended, RFC 3339.
    """
    # What the plan put in is no task of the pipeline: a Dataset says how long its releases take.
    own = {task.name for task in plan.tasks if task.inserted}
    last = {task: each for task, each in successes(ended).items() if path_of(task) not in own}
    sizes: dict[str, list[int]] = {}
    for each in made:
        if each.task in last and last[each.task].attempt == each.attempt:
            for output, size_bytes in each.sizes.items():
                sizes.setdefault(f"{path_of(each.task)}.{output}", []).append(size_bytes)
    means = {key: round(fmean(several)) for key, several in sizes.items()}
    # What leaves a loop has a name of its own, which only its import tells.
    crossed = {each.what: each.size_bytes for group in seen for each in group.imports if each.origin != group.site}
    artifacts = {transfer.key for transfer in plan.transfers}
    means |= {what: size for what, size in crossed.items() if what in artifacts and what not in means}
    return Measured(
        pipeline=plan.pipeline_name,
        run=run,
        digest=plan.pipeline_digest,
        end=end,
        seconds=_seconds(last, {task.name for task in plan.tasks}, speeds),
        iterations=_iterations(last),
        sizes={key: size for key, size in means.items() if key.rpartition(".")[0] not in own},
    )


def _seconds(last: Mapping[str, Ended], units: Collection[str], speeds: Mapping[str, float]) -> dict[str, float]:
    by_path: dict[str, list[Ended]] = {}
    for task, each in last.items():
        by_path.setdefault(path_of(task), []).append(each)
    found = {}
    for path, several in by_path.items():
        speed = speeds.get(several[-1].end.site, 1.0)
        if path in units and any("#" in each.task for each in several):
            # A unit of the plan that is one repeated container: a hint for it is its wall time.
            starts, ends = sorted(each.end.start for each in several), sorted(each.end.end for each in several)
            whole = seconds_between(starts[0], ends[-1])
            took = [] if whole is None else [whole * speed]
        else:
            told = ((each, seconds_between(each.end.start, each.end.end)) for each in several)
            took = [seconds * speeds.get(each.end.site, 1.0) for each, seconds in told if seconds is not None]
        if took:
            found[path] = fmean(took)
    return found


def _iterations(last: Iterable[str]) -> dict[str, int]:
    """Of each loop, how many iterations it had; of one inside of another, the most in any of the outer one's."""
    seen: dict[str, set[str]] = {}
    for task in last:
        parts = task.split("/")
        for index, part in enumerate(parts):
            name, mark, number = part.partition("#")
            if mark:
                seen.setdefault("/".join([*parts[:index], name]), set()).add(number)
    most: dict[str, int] = {}
    for loop, numbers in seen.items():
        path = path_of(loop)
        most[path] = max(most.get(path, 0), len(numbers))
    return most
