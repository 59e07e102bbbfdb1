"""One file's components, executors and platform entries: what its tasks need, nothing else.

Names stay the pipeline's own. Where two tasks share a component or an executor and come to differ (labels that hints
added, references rewritten, a unit's inputs renamed) the second variant gets a name of its own.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_splitter.graph import Step
from pipeline_splitter.groups.labels import added_labels
from pipeline_splitter.groups.names import Names
from pipeline_splitter.groups.units import Edit
from pipeline_splitter.kfp.pipeline import Raw

KUBERNETES = "kubernetes"


class Variants:
    """Contents under names: equal contents share one."""

    def __init__(self, originals: Iterable[str]) -> None:
        self._names = Names(originals)
        self._variants: dict[str, list[tuple[Any, str]]] = {}

    def name(self, original: str, content: object) -> str:
        """Return the name of `content`, a variant of what the pipeline has under `original`."""
        variants = self._variants.setdefault(original, [])
        for known, name in variants:
            if known is content or known == content:
                return name
        name = self._names.take(original) if variants else original
        variants.append((content, name))
        return name

    def new(self, wanted: str) -> str:
        """Return a name for something that the pipeline has not."""
        return self._names.take(wanted)


class Catalogue:
    """The components, executors and platform entries written so far in one file.

    Attributes:
        components, executors: as the file will hold them, by name.
        platforms: platform -> executor -> configuration.
    """

    def __init__(self, spec: Raw, platform: Raw | None, steps: Mapping[str, Step]) -> None:
        self._spec_components: Raw = spec.get("components") or {}
        self._spec_executors: Raw = (spec.get("deploymentSpec") or {}).get("executors") or {}
        self._configurations = _configurations(platform)
        self._steps = steps
        self._component_names = Variants(self._spec_components)
        configured = {key for executors in self._configurations.values() for key in executors}
        self._executor_names = Variants({*configured, *self._spec_executors})
        self.components: dict[str, Raw] = {}
        self.executors: dict[str, Raw] = {}
        self.platforms: dict[str, dict[str, Raw]] = {}

    def place(self, name: str, path: str, edit: Edit | None = None, configuration: Raw | None = None) -> str:
        """Put in a component of the pipeline with all that it needs.

        Args:
            name: the name of the component.
            path: of the task that runs it, from the pipeline's root.
            edit: what changes in it, where it is a unit's or inside of one.
            configuration: for Kubernetes, instead of the platform document's; of a container only.

        Returns:
            Its name in the file.
        """
        component = self._spec_components[name]
        content = component
        if "dag" in component:
            content = self.dag(component, path, edit)
        elif "executorLabel" in component:
            label = component["executorLabel"]
            placed = self._place_executor(label, path, edit, configuration)
            content = component if placed == label else {**component, "executorLabel": placed}
        placed = self._component_names.name(name, content)
        self.components[placed] = content
        return placed

    def dag(self, component: Raw, path: str, edit: Edit | None = None) -> Raw:
        """Return a component with a dag (the root, too), its tasks' components placed."""
        if edit is not None:
            component = edit.dag(component, path, self._spec_components)
        dag = component["dag"]
        tasks, changed = {}, edit is not None
        for name, task in (dag.get("tasks") or {}).items():
            reference = task["componentRef"]
            placed = self.place(reference["name"], f"{path}/{name}" if path else name, edit)
            changed = changed or placed != reference["name"]
            tasks[name] = {**task, "componentRef": {**reference, "name": placed}}
        return {**component, "dag": {**dag, "tasks": tasks}} if changed else component

    def add(self, wanted: str, component: Raw, executor: Raw, labels: Mapping[str, str] | None = None) -> str:
        """Put in a component that the pipeline has not, named `comp-<wanted>`; its name in the file."""
        label = self._executor_names.new(f"exec-{wanted}")
        name = self._component_names.new(f"comp-{wanted}")
        self.components[name] = {**component, "executorLabel": label}
        self.executors[label] = executor
        if labels:
            self.platforms.setdefault(KUBERNETES, {})[label] = {"podMetadata": {"labels": dict(labels)}}
        return name

    def add_unused(self) -> None:
        """Put in what no task needs, as it is."""
        for name, component in self._spec_components.items():
            self.components.setdefault(name, component)
        for name, executor in self._spec_executors.items():
            self.executors.setdefault(name, executor)
        for platform, configurations in self._configurations.items():
            for name, configuration in configurations.items():
                self.platforms.setdefault(platform, {}).setdefault(name, configuration)

    def platform_document(self, platform: Raw | None, *, without_workspace: bool = False) -> dict[str, Any] | None:
        """Return the second document: the pipeline's own, configured for what was placed; None where it is empty.

        Args:
            platform: the pipeline's own.
            without_workspace: whether nothing here uses the run's workspace.
        """
        originals: Raw = (platform or {}).get("platforms") or {}
        written: dict[str, Any] = {}
        for name in sorted({*originals, *self.platforms}):
            document = dict(originals.get(name) or {})
            deployment = dict(document.pop("deploymentSpec", None) or {})
            deployment.pop("executors", None)
            if executors := self.platforms.get(name):
                deployment["executors"] = executors
            if deployment:
                document["deploymentSpec"] = deployment
            if without_workspace and "workspace" in (document.get("pipelineConfig") or {}):
                kept = {key: value for key, value in document.pop("pipelineConfig").items() if key != "workspace"}
                document |= {"pipelineConfig": kept} if kept else {}
            if document:
                written[name] = document
        return {**(platform or {}), "platforms": written} if written else None

    def _place_executor(self, label: str, path: str, edit: Edit | None, configuration: Raw | None) -> str:
        executor = self._spec_executors[label]
        configurations = {
            platform: executors[label] for platform, executors in self._configurations.items() if label in executors
        }
        kubernetes = configurations.get(KUBERNETES) if configuration is None else configuration
        if kubernetes is not None and edit is not None:
            kubernetes = edit.configuration(kubernetes)
        if "container" in executor:
            kubernetes = _labelled(kubernetes, self._steps.get(path))
        if kubernetes is not None:
            configurations[KUBERNETES] = kubernetes
        placed = self._executor_names.name(label, (executor, configurations))
        self.executors[placed] = executor
        for platform, written in configurations.items():
            self.platforms.setdefault(platform, {})[placed] = written
        return placed


def _configurations(platform: Raw | None) -> dict[str, Raw]:
    """Executors' configurations, by platform and executor."""
    return {
        name: (document.get("deploymentSpec") or {}).get("executors") or {}
        for name, document in ((platform or {}).get("platforms") or {}).items()
        if isinstance(document, Mapping)
    }


def _labelled(configuration: Raw | None, step: Step | None) -> Raw | None:
    metadata: Raw = (configuration or {}).get("podMetadata") or {}
    own: Mapping[str, str] = metadata.get("labels") or {}
    added = added_labels(step, own)
    if not added:
        return configuration
    return {**(configuration or {}), "podMetadata": {**metadata, "labels": {**own, **added}}}
