"""The child: reads a question and the cluster's objects, makes the plan, and says what a release needs of it."""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from moorage.errors import InputError, PlanningError
from moorage.model import Dataset, DatasetRef, Site
from moorage.runs.measurements import History
from moorage.sites import Inventory
from moorage.wire import read_history
from moorage.wire.governance import write_governance
from pipeline_executor.planning.parameters import check_parameters, root_parameters
from pipeline_executor.planning.question import Answer, Planned, Question, Refused, Unplannable, Unsettled
from pipeline_splitter.documents import is_workflow, parse
from pipeline_splitter.hints import Hints, TaskHint
from pipeline_splitter.inputs import read_datasets, read_purposes, read_sites
from pipeline_splitter.plan import Infeasible, Plan
from pipeline_splitter.planning import Request, make_plan, read_objectives
from pipeline_splitter.reading_hints import read_hints

MOST_GROUPS = 1000
"""The most groups of one plan: each is an entry of the run's status."""
MOST_RENAMED = 4096
"""Tasks of one group that the plan calls otherwise than its file: each is an entry of the PipelineGroup."""
_MOST_SENTENCES = 20


def answer(question: Question, objects: Iterable[Mapping[str, Any]]) -> Answer:
    """Plan a pipeline and return the answer."""
    began = time.monotonic()
    try:
        request, learned = _request(question, list(objects))
        outcome = make_plan(request, began + question.time_limit_seconds, time.monotonic, lambda *_: None)
    except InputError as error:
        return Refused(str(error))
    except PlanningError:
        seconds = f"{question.time_limit_seconds:g}"
        return Unsettled(f"no plan was found in {seconds} s, and none was proven impossible: raise timeLimitSeconds")
    except (MemoryError, RecursionError):
        return Unsettled("planning took more memory than it may: make the pipeline smaller, or ask for more")
    if isinstance(outcome.answer, Infeasible):
        return Unplannable(_sentences(outcome.answer) + _closed(request.inventory), outcome.files)
    if problem := _unfit(outcome.answer):
        return Refused(problem)
    plan = outcome.answer
    files = {**outcome.files, "inputs.json": _inputs(plan, outcome.files, request.datasets)}
    if learned is not None:
        files["measured.json"] = json.dumps(learned.hints(), indent=1, sort_keys=True, ensure_ascii=False)
    return Planned(files)


def _unfit(plan: Plan) -> str:
    """Return the reason why a plan can't be run, or ""."""
    if len(plan.groups) > MOST_GROUPS:
        return f"the plan has {len(plan.groups)} groups; a run may have {MOST_GROUPS}: make the pipeline smaller"
    if any(len(group.renamed) > MOST_RENAMED for group in plan.groups):
        return f"a group has more than {MOST_RENAMED} tasks of nested pipelines: make the pipeline smaller"
    if any(not each.origin for group in plan.groups for each in group.imports):
        return "the pipeline takes artifacts as inputs: import them in the pipeline, with an importer"
    return ""


def _request(question: Question, objects: list[Mapping[str, Any]]) -> tuple[Request, History | None]:
    documents = parse(question.pipeline.encode(), question.subject)
    if is_workflow(documents):
        raise InputError(question.subject, "format", "is a recorded workflow, which can be planned and not run")
    check_parameters(question.parameters, documents)
    sites: dict[str, Site] = {}
    datasets: dict[DatasetRef, Dataset] = {}
    purposes: dict[str, frozenset[str]] = {}
    learned: History | None = None
    name = _name_of(documents)
    for raw in objects:
        # One person's mistake must not keep everybody else from planning: the object is ignored.
        with contextlib.suppress(InputError):
            if raw.get("kind") == "Site":
                sites.update(read_sites([raw], "the cluster").sites)
            elif raw.get("kind") == "Dataset":
                datasets.update(read_datasets([raw], "the cluster"))
            elif raw.get("kind") == "PipelineHistory":
                learned = _own(read_history(raw), name) or learned
            else:
                purposes.update(read_purposes([raw], "the cluster"))
    request = Request(
        documents=documents,
        subject=question.subject,
        inventory=Inventory.of(_as_places(sites[name] for name in sorted(sites) if name not in question.without)),
        datasets={ref: datasets[ref] for ref in sorted(datasets)},
        hints=replace(_hints(question, learned), namespace_purposes=purposes),
        objectives=read_objectives(question.objective),
        tolerance=question.tolerance,
        settled=question.settled,
        taken=frozenset(question.taken),
    )
    return request, learned


def _as_places(sites: Iterable[Site]) -> list[Site]:
    """Return the sites; one without a store gets nodes with room for nothing, as it may hold data but run no task.

    Where no site has a store, a run waits for one, as it waits for a store that does not answer.
    """
    found = list(sites)
    if all(site.artifact_store is None for site in found):
        return found
    return [replace(site, resources={}) if site.artifact_store is None else site for site in found]


def _closed(inventory: Inventory) -> str:
    """Return a sentence about the sites where nothing may run; "" where there are none."""
    stores = [site.artifact_store for site in inventory.sites.values()]
    names = [name for name, site in sorted(inventory.sites.items()) if site.artifact_store is None]
    if not names or not any(stores):
        return ""
    has = "has" if len(names) == 1 else "have"
    return f". No task of a run may be at {', '.join(names)}, which {has} no spec.artifactStore"


def _name_of(documents: Sequence[Any]) -> str:
    """Return the pipeline's own name, as its plan has it; "" where it has none that could be read."""
    info = documents[0].get("pipelineInfo") if documents and isinstance(documents[0], Mapping) else None
    return str(info.get("name") or "") if isinstance(info, Mapping) else ""


def _own(history: History, pipeline: str) -> History | None:
    """Return the history where it is of this pipeline."""
    return history if history.pipeline == pipeline and history.runs else None


def _hints(question: Question, learned: History | None) -> Hints:
    """Read the hints of earlier runs and of the run, and add that its pods run in its own namespace and account."""
    files = [
        (subject, parse(told.encode(), subject) if isinstance(told, str) else [told])
        for subject, told in question.hints
    ]
    for subject, documents in files:
        for document in documents:
            _refuse_other_readers(question, subject, document)
    if learned is not None:
        files.insert(0, (f"PipelineHistory of {learned.pipeline[:80]}", [learned.hints()]))
    account = {"namespace": question.namespace, "serviceAccount": question.service_account}
    pins: dict[str, Any] = {}
    if question.pins:
        said = read_hints(files).tasks
        pins = {task: {"sites": _pinned(said.get(task), wanted)} for task, wanted in question.pins.items()}
    return read_hints([*files, ("the run", [{"defaults": account, "tasks": pins}])])


def _pinned(said: TaskHint | None, wanted: Sequence[str]) -> list[str]:
    """Return a task's sites in a new plan: those that its run wants, as far as they are left."""
    if said is None or said.sites is None:
        return list(wanted)
    return sorted(said.sites & set(wanted)) or sorted(said.sites)


def _refuse_other_readers(question: Question, subject: str, document: Any) -> None:  # noqa: ANN401 - raw JSON
    """Hints may not say that a run's pods are somebody else's: they are not, and the plan would be for others."""
    if not isinstance(document, Mapping):
        return
    tasks, defaults = document.get("tasks"), document.get("defaults")
    entries = [("defaults", defaults)]
    entries += [
        (f"tasks[{str(name)[:80]}]", entry) for name, entry in (tasks if isinstance(tasks, Mapping) else {}).items()
    ]
    for place, entry in entries:
        for key, own in (("namespace", question.namespace), ("serviceAccount", question.service_account)):
            if isinstance(entry, Mapping) and entry.get(key) not in (None, own):
                problem = f"must be {own}, which the run's pods have, or be left out"
                raise InputError(subject, f"{place}.{key}", problem)


def _sentences(infeasible: Infeasible) -> str:
    facts = [fact["message"] for fact in infeasible.facts[:_MOST_SENTENCES]]
    remedies = [remedy["message"] for remedy in infeasible.remedies[:_MOST_SENTENCES]]
    told = f"no plan is possible: {'; '.join(facts)}"
    return f"{told}. Any one of these would help: {'; '.join(remedies)}" if remedies else told


def _inputs(plan: Plan, files: Mapping[str, str], datasets: Mapping[DatasetRef, Dataset]) -> str:
    """Return `inputs.json`: a release's needs besides plan.json, as the groups' parameters and the Datasets then."""
    groups = {}
    for group in plan.groups:
        (document, *_) = parse(files[group.file].encode(), group.file)
        imported = {each.parameter for each in group.imports}
        groups[group.id] = {
            "parameters": sorted(root_parameters(document).keys() - imported),
            "sha256": hashlib.sha256(files[group.file].encode()).hexdigest(),
            "taskNames": dict(group.renamed),
        }
    carried = sorted({ref for task in plan.tasks for ref in task.governance})
    rules = {str(ref): write_governance(datasets[ref].governance) for ref in carried if ref in datasets}
    return json.dumps({"groups": groups, "datasets": rules}, sort_keys=True, separators=(",", ":"))
