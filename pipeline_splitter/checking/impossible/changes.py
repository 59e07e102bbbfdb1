"""Single changes after which there might be a plan: which there are, what each says, and the inputs after it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from moorage.model import Classification, Component, Dataset, DatasetRef, Governance, Release
from moorage.sites import Inventory
from pipeline_splitter.checking.definition.governance import all_steps, carry, declared, found_in
from pipeline_splitter.checking.definition.insertions import open_reads
from pipeline_splitter.checking.findings import CheckInputs
from pipeline_splitter.graph import Graph, Role, Step


class Kind(StrEnum):
    """The kind of a change; all but the last two are the keyword of a remedy."""

    ACCEPTANCE = "acceptance"
    CLEARANCE = "clearance"
    DECLARATION = "declaration"
    """A `release` that the dataset does not declare yet."""
    MENDING = "mending"
    """A `release` that a task claims to be, without being its container."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A single change of the inputs.

    Attributes:
        what: `namespace/dataset/release`, or a clearance.
        where: the step that accepts it or becomes it; the site; of a declaration the digest of the container of a task
            that claims to be it, "" for those that accept it.
    """

    kind: Kind
    what: str
    where: str = ""

    def __str__(self) -> str:
        """Return the change as a finding words it."""
        match self.kind:
            case Kind.ACCEPTANCE:
                return f"that task {self.where} accepts {self.what}"
            case Kind.CLEARANCE:
                return f"clearance {self.what} of site {self.where}"
            case Kind.DECLARATION:
                return f"that {self.what} is declared{f' with the container {self.where}' if self.where else ''}"
        return f"that task {self.where} becomes the release {self.what}"


def change_of(words: Mapping[str, str], inputs: CheckInputs) -> Change | None:
    """Return the change that a remedy says; None where that is no possible change."""
    kinds = [kind for kind in ("release", "acceptance", "clearance") if kind in words]
    said = words.keys() - {"message"}
    if kinds == ["clearance"] and said == {"clearance", "site"}:
        found = Change(Kind.CLEARANCE, words["clearance"], words["site"])
        return found if found in set(clearances(inputs)) else None
    if len(kinds) != 1 or said != {kinds[0], "dataset", "task"}:
        return None
    what, task = words[kinds[0]], words["task"]
    if what.rpartition("/")[0] != words["dataset"]:
        return None
    if kinds == ["acceptance"]:
        found = Change(Kind.ACCEPTANCE, what, task)
        return found if found in acceptances(inputs) else None
    step = all_steps(inputs.graph).get(task)
    if step is None:
        return None
    possible = [Change(Kind.MENDING, what, task)]
    if what in {f"{ref}/{name}" for ref, name in step.accepts}:
        possible.append(Change(Kind.DECLARATION, what))
    if what in {f"{use.ref}/{use.release}" for use in step.uses}:
        possible.append(Change(Kind.DECLARATION, what, step.container_digest or ""))
    return next((change for change in possible if change in releases(inputs)), None)


def acceptances(inputs: CheckInputs) -> frozenset[Change]:
    """Return every declared release that a step could take of what it reads, and does not."""
    carried, found = carry(inputs.graph, inputs.datasets), set()
    for _, step, read in open_reads(inputs.graph):
        for ref in found_in(read, carried, inputs.datasets):
            for release in inputs.datasets[ref].governance.releases if ref in inputs.datasets else ():
                if (ref, release.name) not in step.accepts:
                    found.add(Change(Kind.ACCEPTANCE, f"{ref}/{release.name}", step.name))
    return frozenset(found)


def releases(inputs: CheckInputs) -> frozenset[Change]:
    """Return every release that a known dataset could declare or a step could become.

    What a step accepts and its dataset does not declare; what a step claims to be and its dataset does not declare,
    with the step's own container; what a step claims to be without being that container.
    """
    found = set[Change]()
    for step in all_steps(inputs.graph).values():
        if step.role is not Role.CONTAINER:
            continue
        for ref, name in step.accepts:
            if ref in inputs.datasets and declared(ref, name, inputs.datasets) is None:
                found.add(Change(Kind.DECLARATION, f"{ref}/{name}"))
        for use in step.uses:
            release = None if use.release is None else declared(use.ref, use.release, inputs.datasets)
            if use.release is not None and use.ref in inputs.datasets and release is None and step.container_digest:
                found.add(Change(Kind.DECLARATION, f"{use.ref}/{use.release}", step.container_digest))
            if release is not None and release.component.digest not in {"", step.container_digest}:
                found.add(Change(Kind.MENDING, f"{use.ref}/{release.name}", step.name))
    return frozenset(found)


def clearances(inputs: CheckInputs) -> Iterator[Change]:
    """Yield every higher clearance of every site, site by site, the lowest first."""
    for name, site in sorted(inputs.inventory.sites.items()):
        for clearance in Classification:
            if clearance > site.clearance:
                yield Change(Kind.CLEARANCE, clearance.word, name)


def changed(inputs: CheckInputs, changes: Iterable[Change]) -> CheckInputs:
    """Return the inputs after changes."""
    before, after = all_steps(inputs.graph), dict[str, Step]()
    sites, datasets = dict(inputs.inventory.sites), dict(inputs.datasets)
    for each in changes:
        step = after.get(each.where, before.get(each.where))
        if each.kind is Kind.CLEARANCE:
            sites[each.where] = replace(sites[each.where], clearance=Classification[each.what.upper()])
        elif each.kind is Kind.DECLARATION:
            ref, _ = _form(each)
            datasets[ref] = _declaring(datasets[ref], each, inputs.graph)
        elif step is not None and each.kind is Kind.ACCEPTANCE:
            after[each.where] = replace(step, accepts=step.accepts | {_form(each)})
        elif step is not None:
            release = declared(*_form(each), inputs.datasets)
            after[each.where] = replace(step, container_digest=None if release is None else release.component.digest)
    tasks = {
        name: replace(task, steps=tuple(after.get(step.name, step) for step in task.steps))
        for name, task in inputs.graph.tasks.items()
    }
    return replace(inputs, graph=replace(inputs.graph, tasks=tasks), inventory=Inventory(sites), datasets=datasets)


def _form(change: Change) -> tuple[DatasetRef, str]:
    namespace, name, release = change.what.split("/")
    return DatasetRef(namespace, name), release


def _declaring(dataset: Dataset, change: Change, graph: Graph) -> Dataset:
    """Add a release that refuses no reader of this pipeline; it takes 60 seconds at one core, as by default."""
    readers = {step.reader.namespace for task in graph.tasks.values() for step in task.steps if step.reader is not None}
    release = Release(_form(change)[1], Component("any", digest=change.where), Governance(consumers=frozenset(readers)))
    governance = dataset.governance
    return replace(dataset, governance=replace(governance, releases=(*governance.releases, release)))
