"""`moorage run`: a StretchedPipeline of a compiled pipeline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from moorage import wire
from moorage.errors import InputError, KubeError
from moorage.kube import CONFIG_MAPS, STRETCHED_PIPELINES, Client, RawObject, Resource
from moorage.model import API_VERSION
from moorage.runs import RunRef, StretchedPipeline
from moorage.runs.submissions import Packed, made_name, owned_by, pack
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import say
from moorage_cli.plan.files import read_bytes, read_documents
from moorage_cli.runs.arguments import read_arguments
from moorage_cli.runs.following import follow
from moorage_cli.runs.options import FILE, run_options
from pipeline_splitter.documents import parse
from pipeline_splitter.kfp.spec import read_spec

EXIT_CODES = (
    "Exit codes: 0 succeeded; 1 failed, cancelled or refused; 2 bad usage or unreadable input; 3 infeasible; "
    "4 the cluster does not answer."
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is created: the run, and the ConfigMap that holds its pipeline where that is too long to stand in it."""

    run: StretchedPipeline
    packed: Packed


@click.command("run", short_help="Run a pipeline across sites.", epilog=EXIT_CODES, no_args_is_help=True)
@click.argument("pipeline", type=FILE)
@click.option("--name", help="The run's name [default: the pipeline's and a random suffix].")
@run_options
@click.option(
    "--approve/--wait-for-approval", default=True, help="Run the plan at once, or wait for `moorage runs approve`."
)
@click.option("--follow/--no-follow", "-f", "following", default=True, help="Follow the run until it ends.")
@target_options
@click.pass_context
def run(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    *,
    pipeline: Path,
    parameters: tuple[str, ...],
    parameters_file: Path | None,
    name: str | None,
    objective: str,
    hints: Path | None,
    service_account: str,
    approve: bool,
    following: bool,
) -> int:
    """Run PIPELINE across sites: the hub plans it, and each group of tasks runs in the cluster that the plan chose.

    PIPELINE is compiled Kubeflow IR (YAML or JSON). The run is a StretchedPipeline in the namespace. It continues if
    you leave this command.

    \b
    moorage run pipeline.yaml -n fraud -p weight=0.5
    moorage run pipeline.yaml -n fraud --objective money,carbon --no-follow
    moorage runs show NAME -n fraud --follow
    """  # noqa: D301 - \b is what click needs
    content = read_bytes(pipeline, "PIPELINE")
    spec = read_spec(parse(content, str(pipeline)), str(pipeline))
    values = read_arguments(spec, parameters, mapping_in(parameters_file, "--parameters"))

    def submission(namespace: str) -> Submission:
        ref = RunRef(namespace, name or made_name(spec.name), "")
        packed = pack(content, ref.name, str(pipeline))
        wanted = StretchedPipeline(
            ref=ref,
            source=packed.source,
            parameters=values,
            objective=objective,
            hints=mapping_in(hints, "--hints") if hints else None,
            service_account=service_account,
            approval=not approve,
        )
        return Submission(wanted, packed)

    async def create(client: Client, namespace: str) -> RawObject:
        return await submit(client, submission(namespace))

    target = target_of(context)
    created = target.ask(create)
    metadata = created["metadata"]
    say(f"stretchedpipeline.moorage.dev/{metadata['name']} created in namespace {metadata['namespace']}")
    if not following:
        say(f"Follow it: moorage runs show {metadata['name']} -n {metadata['namespace']} --follow")
        return 0
    return target.ask(lambda client, _: follow(client, metadata["namespace"], metadata["name"]))


async def submit(client: Client, submission: Submission) -> RawObject:
    """Create the run, after the ConfigMap that it names; the ConfigMap goes with the run.

    Raises:
        KubeError: the API server refused.
    """
    wanted = submission.run
    body = {
        "apiVersion": API_VERSION,
        "kind": STRETCHED_PIPELINES.kind,
        "metadata": {"name": wanted.ref.name, "namespace": wanted.ref.namespace},
        "spec": wire.write_stretched_pipeline_spec(wanted),
    }
    return await create_with_pipeline(client, STRETCHED_PIPELINES, body, submission.packed)


async def create_with_pipeline(client: Client, resource: Resource, body: RawObject, packed: Packed) -> RawObject:
    """Create what runs a pipeline, after the ConfigMap of its name that holds a long one; they go together.

    Raises:
        KubeError: the API server refused.
    """
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    held = packed.config_map(namespace, name)
    if held is not None:
        await client.create(CONFIG_MAPS, held)
    try:
        created = await client.create(resource, body)
    except KubeError:
        if held is not None:
            await client.delete(CONFIG_MAPS, name, namespace)
        raise
    if held is not None:
        await client.merge_patch(CONFIG_MAPS, owned_by(created, namespace, name))
    return created


def mapping_in(path: Path | None, said_by: str) -> dict[str, Any]:
    """The mapping that a file holds; empty for no file.

    Raises:
        InputError: it can't be read, or holds something else.
    """
    if path is None:
        return {}
    documents = read_documents(path, said_by)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise InputError(str(path), said_by, "must hold one mapping")
    return documents[0]
