"""Co-location ties of Kubeflow: shared claims, the workspace, lists and their readers, awaited tasks."""

from collections.abc import Iterable, Iterator

from pipeline_splitter.kfp.components import Component
from pipeline_splitter.kfp.executors import WORKSPACE, Container
from pipeline_splitter.kfp.pipeline import Constant, PipelineInput
from pipeline_splitter.kfp.scopes import Inputs
from pipeline_splitter.kfp.values import Value

_NAME = "name"
"""The output of Kubeflow's createpvc that holds the claim's name."""
_CLAIM = "pvc_name"
"""The input of createpvc and deletepvc that holds it."""


class SharingBook:
    """Sets of tasks that stay together, as they are found."""

    def __init__(self) -> None:
        self._sets: set[frozenset[str]] = set()
        self._claims: dict[tuple[str, ...], set[str]] = {}
        self._workspace_tasks: set[str] = set()
        self._workspace_steps: set[str] = set()
        self._workspace_importers: set[str] = set()

    def stay(self, tasks: Iterable[str]) -> None:
        """These stay in one group."""
        self._sets.add(frozenset(tasks))

    def claim(self, task: str, name: Value) -> None:
        """Note that the task uses a claim: a constant's, the pipeline's own input's, or that of a step's output."""
        for identity in _identities(name):
            self._claims.setdefault(identity, set()).add(task)

    def claims_of(self, task: str, step: str, container: Container, inputs: Inputs) -> None:
        """Note the claim that a step of the task makes or removes, if it does."""
        if container.creates_claim:
            self._claims.setdefault(("step", step, _NAME), set()).add(task)
        if (container.creates_claim or container.deletes_claim) and _CLAIM in inputs.parameters:
            self.claim(task, inputs.parameters[_CLAIM])

    def fill_workspace(self, step: str) -> None:
        """Note that an importer puts its artifact into the workspace, which all its readers then use."""
        self._workspace_importers.add(step)

    def workspace_of(self, task: str, step: str, container: Container, component: Component, inputs: Inputs) -> None:
        """Note whether a step of the task uses the run's workspace.

        It does where the workspace's placeholder stands in its container or in a constant that it is given, where it
        reads an artifact that was imported into the workspace, and where a step that uses the workspace gives it a
        parameter that may hold a path: such a path means nothing elsewhere.
        """
        if container.uses_workspace or self._is_given_workspace(component, inputs):
            self._workspace_tasks.add(task)
            self._workspace_steps.add(step)

    def _is_given_workspace(self, component: Component, inputs: Inputs) -> bool:
        for name, value in inputs.parameters.items():
            declared = component.input_parameters.get(name)
            if declared is not None and not declared.may_be_text:
                continue
            if any(WORKSPACE in text for text in _constants(value)) or self._is_in_workspace(value):
                return True
        return any(map(self._is_imported_into_workspace, inputs.artifacts.values()))

    def _is_in_workspace(self, value: Value) -> bool:
        return bool(self._workspace_steps) and any(step in self._workspace_steps for step, _ in value.steps())

    def _is_imported_into_workspace(self, value: Value) -> bool:
        return bool(self._workspace_importers) and any(step in self._workspace_importers for step, _ in value.steps())

    def sets(self) -> tuple[frozenset[str], ...]:
        """Return every set with at least two tasks, sorted."""
        found = {*self._sets, *map(frozenset, self._claims.values()), frozenset(self._workspace_tasks)}
        return tuple(sorted((each for each in found if len(each) > 1), key=sorted))


def _identities(name: Value) -> Iterator[tuple[str, ...]]:
    for part in name.parts:
        if part.steps:
            for step, output in part.steps:
                yield "step", step, output
        elif isinstance(part.source, PipelineInput):
            yield "input", part.source.name, *name.selectors
        elif isinstance(part.source, Constant) and isinstance(part.source.value, str) and part.source.value:
            yield "name", part.source.value


def _constants(value: Value) -> Iterator[str]:
    for part in value.parts:
        if isinstance(part.source, Constant) and not isinstance(part.source.value, bool | int | float | None):
            yield part.source.value if isinstance(part.source.value, str) else str(part.source.value)
    for mention in value.mentions.values():
        yield from _constants(mention)
