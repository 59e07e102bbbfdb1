"""`moorage runs hints`: what earlier runs of a pipeline took, as a file of hints."""

import click

from moorage.errors import InputError
from moorage.kube import PIPELINE_HISTORIES, Client, RawObject
from moorage.kube.client import Selection
from moorage.wire import read_history
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import document, output_option


@click.command()
@click.argument("name")
@output_option("yaml", "json")
@target_options
@click.pass_context
def hints(context: click.Context, *, name: str, output: str) -> None:
    """Print the figures of earlier runs as hints for `moorage plan`. NAME is a pipeline, or one of its recent runs.

    Seconds are for a site of speed 1, and every figure is the median of recent runs.

    \b
    moorage runs hints delay-report -n fraud > hints.yaml
    moorage plan pipeline.yaml --sites sites.yaml --hints hints.yaml --hints mine.yaml
    """  # noqa: D301 - \b is what click needs

    async def gather(client: Client, namespace: str) -> tuple[list[RawObject], str]:
        return await client.list(PIPELINE_HISTORIES, Selection(namespace=namespace)), namespace

    raws, namespace = target_of(context).ask(gather)
    found = chosen(raws, name)
    if found is None:
        problem = f"is no pipeline of which a run has succeeded in namespace {namespace}{_known(raws)}"
        raise InputError("moorage runs hints", name, problem)
    document(read_history(found).hints(), output)


def chosen(raws: list[RawObject], name: str) -> RawObject | None:
    """The history of the pipeline of that name, else that of a run of that name. Pure."""
    by_name = [raw for raw in raws if name in {raw["spec"].get("pipeline"), raw["metadata"]["name"]}]
    by_run = [raw for raw in raws if name in {run.get("name") for run in raw["spec"].get("runs") or ()}]
    return next(iter((*by_name, *by_run)), None)


def _known(raws: list[RawObject]) -> str:
    names = sorted(str(raw["spec"].get("pipeline")) for raw in raws)[:5]
    return f"; there are {', '.join(names)}" if names else ""
