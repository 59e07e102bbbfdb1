"""Tasks that Kubeflow's cache must not serve: those that read datasets, and whatever their data flow into. Pure.

Kubeflow's cache knows images, arguments and inputs. It knows no rule and no version of a dataset, and a cached task has
no pod that admission could refuse: after a purpose was revoked it would go on handing out what was made before.

What another group made carries rules, too, of which a group's pipeline says nothing. So what is imported is taken as
governed. Where in doubt, a task runs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline_splitter.kfp.bindings import FromInput, FromTask
from pipeline_splitter.kfp.components import Component, Dag, Library
from pipeline_splitter.kfp.executors import Container, Importer
from pipeline_splitter.kfp.spec import read_spec
from pipeline_splitter.kfp.tasks import TaskSpec

Raw = Mapping[str, Any]

_DATASET: Final = re.compile(r"dataset\.[0-9]+\..+")
_OFF: Final[Raw] = {"enableCache": False}
_VOLUMES: Final = ("pvcMount", "genericEphemeralVolume")


def without_unsafe_caching(documents: Sequence[Raw], imported: frozenset[str], subject: str) -> list[dict[str, Any]]:
    """Return the same documents, in which no task is cached that reads governed data; those given stay as they are.

    Args:
        documents: the pipeline, and perhaps a platform document.
        imported: the pipeline's parameters that other groups gave.
        subject: the pipeline, for errors.

    Raises:
        InputError: it can't be read.
    """
    reader = _Flow(documents, imported, subject)
    governed = reader.governed()
    first = dict(documents[0])
    inner = first.get("pipelineSpec")
    if isinstance(inner, Mapping):
        first["pipelineSpec"] = _changed(inner, governed)
    else:
        first = _changed(first, governed)
    return [first, *(dict(each) for each in documents[1:])]


class _Flow:
    """A walk of governed data through components: a component is governed inside if any use of it is."""

    def __init__(self, documents: Sequence[Raw], imported: frozenset[str], subject: str) -> None:
        spec = read_spec(documents, subject)
        self._library = Library(spec)
        self._imported = imported
        self._platform = spec.platform_executors
        self._governed: set[tuple[str, str]] = set()
        self._inside: set[str] = set()
        self._shared = False

    def governed(self) -> frozenset[tuple[str, str]]:
        """Return each governed task as its component (`root` for the pipeline itself) and name."""
        before = None
        while before != (len(self._governed), len(self._inside), self._shared):
            before = (len(self._governed), len(self._inside), self._shared)
            self._walk(self._library.root, "root")
        return frozenset(self._governed)

    def _walk(self, component: Component, name: str) -> bool:
        """Mark what is governed in a dag; return whether anything is."""
        dag: Dag = self._library.dag_of(component)
        found = False
        for task in dag.tasks:
            below = self._library.component_of(task)
            reads = name in self._inside or self._reads(task, below, name)
            if reads and below.is_dag:
                self._inside.add(task.component)
            if below.is_dag:
                reads = self._walk(below, task.component) or reads
            if reads:
                self._governed.add((name, task.name))
                self._shared = self._shared or (not below.is_dag and self._uses_volumes(below))
            found = found or reads
        return found

    def _reads(self, task: TaskSpec, component: Component, around: str) -> bool:
        for said in (*task.parameters.values(), *task.artifacts.values()):
            match said.origin:
                case FromTask(other, _):
                    if (around, other) in self._governed:
                        return True
                case FromInput(outer):
                    if around == "root" and outer in self._imported:
                        return True
        if component.is_dag:
            return False
        if isinstance(self._library.executor_of(component), Importer):
            return True
        pod = self._platform.sub(component.executor or "")
        labels = pod.sub("podMetadata").sub("labels").raw
        return any(_DATASET.fullmatch(str(key)) for key in labels) or (self._shared and self._uses_volumes(component))

    def _uses_volumes(self, component: Component) -> bool:
        """Return whether a task may hand over data by what is mounted, past its inputs and outputs."""
        pod, executor = self._platform.sub(component.executor or ""), self._library.executor_of(component)
        return any(pod.value(key) for key in _VOLUMES) or (isinstance(executor, Container) and executor.uses_workspace)


def _changed(spec: Raw, governed: frozenset[tuple[str, str]]) -> dict[str, Any]:
    changed = dict(spec)
    changed["root"] = _component(spec.get("root") or {}, "root", governed)
    changed["components"] = {
        name: _component(component, name, governed) for name, component in (spec.get("components") or {}).items()
    }
    return changed


def _component(component: Raw, name: str, governed: frozenset[tuple[str, str]]) -> dict[str, Any]:
    dag = component.get("dag")
    if not isinstance(dag, Mapping):
        return dict(component)
    tasks = {
        key: {**task, "cachingOptions": dict(_OFF)} if (name, key) in governed else task
        for key, task in (dag.get("tasks") or {}).items()
    }
    return {**component, "dag": {**dag, "tasks": tasks}}
