"""`moorage plan --check DIR`: recompute what a plan says."""

from pathlib import Path

from moorage.errors import InputError
from moorage_cli.output import say
from moorage_cli.plan.files import read_text
from pipeline_splitter.checking import CheckInputs, Verdict, examine
from pipeline_splitter.documents import is_workflow
from pipeline_splitter.graph import Graph
from pipeline_splitter.kfp import KfpPipeline, read_pipeline
from pipeline_splitter.planning.request import Request
from pipeline_splitter.wfformat import read_workflow

MOST_FINDINGS = 50
HOLDS, FAILED = 0, 1
_NAMES = ("plan.json", "bound.json", "infeasible.json")


def check(directory: Path, request: Request) -> int:
    """Print whether the plan in a directory holds, or what of it does not; the exit code.

    Raises:
        InputError: there is no plan, or it can't be read.
    """
    if not directory.is_dir():
        raise InputError(str(directory), "--check", "is not a directory: name one that moorage plan -o wrote")
    files = {name: read_text(directory / name) for name in _NAMES if (directory / name).exists()}
    if not files.keys() & {"plan.json", "infeasible.json"}:
        raise InputError(str(directory), "--check", "has no plan.json: name a directory that moorage plan -o wrote")
    for path in sorted((directory / "groups").glob("*")):
        files[f"groups/{path.name}"] = read_text(path)
    graph, pipeline = _read_graph(request)
    request.refuse_missing_datasets(graph)
    inputs = CheckInputs(
        graph,
        pipeline,
        request.inventory,
        request.datasets,
        request.tolerance,
        request.kwh_per_gb,
        request.hints.defaults.currency,
        request.hints,
    )
    verdict = examine(files, inputs)
    _print(verdict, "The plan" if "plan.json" in files else "The explanation")
    return FAILED if verdict.findings else HOLDS


def _read_graph(request: Request) -> tuple[Graph, KfpPipeline | None]:
    if is_workflow(request.documents):
        return read_workflow(request.documents[0], request.hints, request.datasets, request.subject), None
    return read_pipeline(request.documents, request.hints, request.datasets, request.subject)


def _print(verdict: Verdict, what: str) -> None:
    if verdict.findings:
        say(f"{what} does not hold:")
        for finding in verdict.findings[:MOST_FINDINGS]:
            say(f"  - {finding.where}: {finding.problem}")
        if len(verdict.findings) > MOST_FINDINGS:
            say(f"  ... and {len(verdict.findings) - MOST_FINDINGS} more")
    else:
        say(f"{what} holds: {'; '.join(verdict.checked) or 'there was nothing to check'}.")
    for sentence in verdict.unchecked:
        say(f"Not checked: {sentence}.")
