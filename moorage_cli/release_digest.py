"""`moorage release digest`: what a Dataset has to declare so that a task of a pipeline counts as its release."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from moorage.errors import InputError
from moorage_cli import output
from moorage_cli.output import say
from moorage_cli.plan.files import read_documents
from pipeline_splitter.documents import container_digest, is_workflow
from pipeline_splitter.graph import Graph
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp.pipeline import KfpPipeline
from pipeline_splitter.kfp.reading import read_pipeline


@click.command("digest")
@click.argument("pipeline", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("task")
@output.output_option("text", "digest", "yaml", "json")
def digest(pipeline: Path, task: str, output: str) -> None:
    """Print the digest that a release must declare for TASK's container.

    PIPELINE is a compiled Kubeflow pipeline. TASK is a path from its root, for example train/evaluate.

    \b
    moorage release digest pipeline.yaml pseudonymise
    """  # noqa: D301 - \b is what click needs
    documents = read_documents(pipeline, "PIPELINE")
    if is_workflow(documents):
        raise InputError(str(pipeline), "document", "is a recorded workflow, whose tasks have no containers")
    graph, read = read_pipeline(documents, Hints(), {}, str(pipeline))
    component, fits = find_component(graph, read, task, str(pipeline))
    _print(component, task, pipeline, output)
    if not fits:
        say(
            f"Note: a release has one input artifact `data` and one output artifact `released`; {task} has others.",
            err=True,
        )


def find_component(graph: Graph, pipeline: KfpPipeline, task: str, subject: str) -> tuple[dict[str, Any], bool]:
    """The `component` that a release declares for the task's container, and whether its artifacts are a release's.

    Raises:
        InputError: there is no such task, or it has no container.
    """
    steps = {step.name: step for each in graph.tasks.values() for step in each.steps}
    step = steps.get(task)
    if step is None or step.container_digest is None:
        named = sorted(name for name, each in steps.items() if each.container_digest is not None)
        near = difflib.get_close_matches(task, named, n=5, cutoff=0.4) or named[:5]
        raise InputError(
            subject, "tasks", f"{task!r} is not a task with a container; there are {', '.join(near) or 'none'}"
        )
    labels = {label for label, digest in _digests(pipeline) if digest == step.container_digest}
    container = pipeline.executors[min(labels)]["container"]
    component = {key: container[key] for key in ("image", "command", "args") if container.get(key)}
    fits = any(
        _artifacts(each, "inputDefinitions") == {"data"} and _artifacts(each, "outputDefinitions") == {"released"}
        for each in pipeline.components.values()
        if each.get("executorLabel") in labels
    )
    return component | {"digest": step.container_digest}, fits


def _digests(pipeline: KfpPipeline) -> Iterator[tuple[str, str]]:
    for label, executor in pipeline.executors.items():
        container = executor.get("container")
        if container:
            command, args = container.get("command") or (), container.get("args") or ()
            yield label, container_digest(container["image"], command, args)


def _artifacts(component: Mapping[str, Any], side: str) -> set[str]:
    return set((component.get(side) or {}).get("artifacts") or ())


def _print(component: dict[str, Any], task: str, pipeline: Path, form: str) -> None:
    if form == "digest":
        say(component["digest"])
        return
    if form == "text":
        say(component["digest"])
        say()
        say(f"# {task} of {pipeline.name}: for spec.governance.releases[] of a Dataset")
    output.document({"component": component}, "json" if form == "json" else "yaml")
