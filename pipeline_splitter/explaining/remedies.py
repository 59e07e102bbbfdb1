"""Repairs: single changes that would make a plan possible; each was tried."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from moorage.model import Classification, Component, Dataset, DatasetRef, Governance, Release
from moorage.policy import Rule
from moorage.sites import Inventory
from pipeline_splitter.explaining.facts import Fact
from pipeline_splitter.explaining.feasibility import Feasibility, UndecidedError
from pipeline_splitter.flow.carrying import Datasets, carry, declared
from pipeline_splitter.flow.maps import all_steps, sources
from pipeline_splitter.flow.releases import releasable
from pipeline_splitter.graph import Graph, Role, Step, Task
from pipeline_splitter.problem import Limits


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change: the pipeline, the datasets and the sites after it, and how `infeasible.json` says it."""

    words: Mapping[str, str]
    graph: Graph
    datasets: Datasets
    inventory: Inventory


@dataclass(frozen=True, slots=True, order=True)
class Acceptance:
    """A task says that it takes a released form that is declared."""

    step: str
    task: str
    dataset: DatasetRef
    release: str

    def words(self) -> Mapping[str, str]:
        """Return the remedy as `infeasible.json` words it."""
        form = f"{self.dataset}/{self.release}"
        return {
            "acceptance": form,
            "dataset": str(self.dataset),
            "task": self.step,
            "message": f"let task {self.step} accept dataset {self.dataset} in the form {self.release}: label "
            f"dataset.N.accepts: {self.release}, or hint tasks.{self.step}.accepts: [{form}]",
        }


def remedies(
    graph: Graph, datasets: Datasets, inventory: Inventory, limits: Limits, facts: frozenset[Fact]
) -> tuple[tuple[Mapping[str, str], ...], bool]:
    """Return the changes that make a plan possible: releases, acceptances, clearances; and whether all were tried.

    Only such are tried as can make one of the facts untrue: while all of them hold, nothing helps.
    """
    trial = _Trial(facts, limits)
    governed = frozenset(fact for fact in facts if fact.rule)
    mended = _mended(graph, datasets, inventory, governed)
    helpful = [remedy.words for remedy in mended if trial.helps(remedy)]
    for plain, claimed in _declared(graph, datasets, inventory, governed):
        # A release that need not be a task's own container says all.
        helps = [remedy.words for remedy in plain if trial.helps(remedy)]
        helpful.extend(helps or (remedy.words for remedy in claimed if trial.helps(remedy)))
    # Those of tasks that the facts name come first, then those of tasks before them, the nearest first.
    acceptances = list(_acceptances(graph, datasets, governed))

    def accepted(group: Sequence[Acceptance]) -> Remedy:
        return Remedy({}, _accepting(graph, group), datasets, inventory)

    helpful.extend(each.words() for each in _helpful(acceptances, accepted, trial))
    for site in sorted({fact.site for fact in facts if fact.rule == Rule.CLEARANCE_TOO_LOW}):
        # The least clearance that suffices says all: a higher one would, too.
        raised = (each for each in _clearances(graph, datasets, inventory, site) if trial.helps(each))
        helpful.extend(remedy.words for remedy in (next(raised, None),) if remedy is not None)
    return tuple(helpful), not trial.gave_up


@dataclass
class _Trial:
    """A trial of changes, as long as there is time.

    Attributes:
        gave_up: whether one was not tried to the end.
    """

    facts: frozenset[Fact]
    limits: Limits
    gave_up: bool = False

    def helps(self, remedy: Remedy) -> bool:
        """Return whether the remedy makes a plan possible; False where that was not found out."""
        if self._is_over():
            return False
        try:
            return self._feasibility(remedy).refuted() is None
        except UndecidedError:
            self.gave_up = True
            return False

    def changes_nothing(self, remedy: Remedy) -> bool:
        """Return whether the facts leave no plan after the remedy either; True where that was not found out."""
        if self._is_over():
            return True
        feasibility = self._feasibility(remedy)
        stand = feasibility.stand_however(self.facts)
        self.gave_up |= feasibility.gave_up
        return stand

    def _is_over(self) -> bool:
        is_over = self.limits.clock() >= self.limits.deadline
        self.gave_up |= is_over
        return is_over

    def _feasibility(self, remedy: Remedy) -> Feasibility:
        return Feasibility(remedy.graph, remedy.datasets, remedy.inventory, self.limits)


def _helpful(
    group: Sequence[Acceptance], accepted: Callable[[Sequence[Acceptance]], Remedy], trial: _Trial
) -> Iterator[Acceptance]:
    """Yield those that help alone. Where the facts stand against all of a group at once, none of it does."""
    if len(group) == 1 and trial.helps(accepted(group)):
        yield group[0]
    if len(group) > 1 and not trial.changes_nothing(accepted(group)):
        half = len(group) // 2
        yield from _helpful(group[:half], accepted, trial)
        yield from _helpful(group[half:], accepted, trial)


def _acceptances(graph: Graph, datasets: Datasets, facts: frozenset[Fact]) -> Iterator[Acceptance]:
    """Yield all that could change what the tasks of the facts read."""
    if not facts:
        return
    flow = carry(graph, datasets)
    steps = all_steps(graph)
    wanted = _datasets_of(facts)
    for task, step in _concerned(graph, facts):
        carried: set[DatasetRef] = set()
        for read in releasable(task, step, steps):
            carried.update(flow.output[read.step] if read.step is not None else ())
            carried.update([read.dataset] if read.dataset is not None else ())
        for ref in sorted(carried if wanted is None else carried & wanted):
            for release in datasets[ref].governance.releases if ref in datasets else ():
                if (ref, release.name) not in step.accepts:
                    yield Acceptance(step.name, task.name, ref, release.name)


def _accepting(graph: Graph, acceptances: Iterable[Acceptance]) -> Graph:
    tasks = dict(graph.tasks)
    for each in acceptances:
        task = tasks[each.task]
        more = {(each.dataset, each.release)}
        steps = tuple(
            replace(step, accepts=step.accepts | more) if step.name == each.step else step for step in task.steps
        )
        tasks[each.task] = replace(task, steps=steps)
    return replace(graph, tasks=tasks)


def _mended(graph: Graph, datasets: Datasets, inventory: Inventory, facts: frozenset[Fact]) -> Iterator[Remedy]:
    """Yield the changes by which a task becomes the declared release that it claims to be."""
    for task, step in _concerned(graph, facts):
        for use in step.uses:
            release = None if use.release is None else declared(use.ref, use.release, datasets)
            if release is not None and release.component.digest not in {"", step.container_digest}:
                words = {
                    "release": f"{use.ref}/{release.name}",
                    "dataset": str(use.ref),
                    "task": step.name,
                    "message": f"make task {step.name} the release {release.name} of dataset {use.ref} that its label "
                    f"claims: give it the declared image, command and args (digest {release.component.digest})",
                }
                mended = replace(step, container_digest=release.component.digest)
                yield Remedy(words, _with_step(graph, task, mended), datasets, inventory)


def _declared(
    graph: Graph, datasets: Datasets, inventory: Inventory, facts: frozenset[Fact]
) -> Iterator[tuple[list[Remedy], list[Remedy]]]:
    """Yield declarations of releases: for tasks that accept one, or with the container of one that claims to be it."""
    wanted = _datasets_of(facts)
    for (ref, name), tasks in sorted(_wished(graph, facts).items()):
        if ref in datasets and declared(ref, name, datasets) is None and (wanted is None or ref in wanted):
            made: tuple[list[Remedy], list[Remedy]] = ([], [])
            for digest, task in sorted(tasks.items()):
                words = _declaration(ref, name, task, digest)
                after = _declaring(datasets, ref, name, digest, graph)
                made[bool(digest)].append(Remedy(words, graph, after, inventory))
            yield made


def _wished(graph: Graph, facts: frozenset[Fact]) -> dict[tuple[DatasetRef, str], dict[str, str]]:
    """Return the releases that tasks of the facts accept or claim to be, each by digest ("": accepted), with a task."""
    wished: dict[tuple[DatasetRef, str], dict[str, str]] = {}
    for _, step in _concerned(graph, facts):
        for form in step.accepts:
            wished.setdefault(form, {}).setdefault("", step.name)
        for form in _claims(step):
            wished.setdefault(form, {}).setdefault(step.container_digest or "", step.name)
    # What makes one of the facts untrue may help other tasks as well, through what those claim to be.
    for step in all_steps(graph).values():
        for form in _claims(step) & wished.keys():
            wished[form].setdefault(step.container_digest or "", step.name)
    return wished


def _claims(step: Step) -> set[tuple[DatasetRef, str]]:
    """Return the releases that a container's labels claim."""
    return {(use.ref, use.release) for use in step.uses if use.release is not None and step.container_digest}


def _declaration(ref: DatasetRef, name: str, task: str, digest: str) -> Mapping[str, str]:
    claim = f"claims to be, in spec.governance.releases of dataset {ref}, with its container (digest {digest}) and"
    acceptance = f"accepts, in spec.governance.releases of dataset {ref}, with"
    return {
        "release": f"{ref}/{name}",
        "dataset": str(ref),
        "task": task,
        "message": f"declare the release {name}, which task {task} {claim if digest else acceptance} rules that let "
        "its readers read where they may run",
    }


def _clearances(graph: Graph, datasets: Datasets, inventory: Inventory, name: str) -> Iterator[Remedy]:
    """Yield the changes that clear a site for more, step by step."""
    site = inventory.sites[name]
    for clearance in Classification:
        if clearance > site.clearance:
            words = {
                "clearance": clearance.word,
                "site": name,
                "message": f"raise spec.clearance of site {name} from {site.clearance.word} to {clearance.word}",
            }
            raised = {**inventory.sites, name: replace(site, clearance=clearance)}
            yield Remedy(words, graph, datasets, Inventory(raised))


def _datasets_of(facts: frozenset[Fact]) -> frozenset[DatasetRef] | None:
    """Return the datasets whose rules refuse; None: any, because a join refuses."""
    if any(fact.dataset is None for fact in facts):
        return None
    return frozenset(fact.dataset for fact in facts if fact.dataset is not None)


def _concerned(graph: Graph, facts: frozenset[Fact]) -> list[tuple[Task, Step]]:
    """Return the containers of the tasks in the facts, then of all before them, the nearest first; else by name."""
    steps = all_steps(graph)
    # An inserted task is not in the graph: whoever could read it is.
    inserted = any(fact.task not in graph.tasks for fact in facts)
    named = set(graph.tasks) if inserted else {fact.task for fact in facts}
    nearest = sorted(step.name for name in named for step in graph.tasks[name].steps)
    found = dict.fromkeys(nearest)
    while nearest:
        before = {earlier for name in nearest for earlier in sources(steps[name])}
        nearest = sorted(before - found.keys())
        found.update(dict.fromkeys(nearest))
    return [(graph.tasks[steps[name].task], steps[name]) for name in found if steps[name].role is Role.CONTAINER]


def _with_step(graph: Graph, task: Task, changed: Step) -> Graph:
    steps = tuple(changed if step.name == changed.name else step for step in task.steps)
    return replace(graph, tasks={**graph.tasks, task.name: replace(task, steps=steps)})


def _declaring(datasets: Datasets, ref: DatasetRef, name: str, digest: str, graph: Graph) -> dict[DatasetRef, Dataset]:
    """Return the datasets with a release added that refuses no reader of this pipeline."""
    readers = {step.reader.namespace for task in graph.tasks.values() for step in task.steps if step.reader}
    anything = Release(name, Component("any", digest=digest), Governance(consumers=frozenset(readers)))
    dataset = datasets[ref]
    governance = replace(dataset.governance, releases=(*dataset.governance.releases, anything))
    return {**datasets, ref: replace(dataset, governance=governance)}
