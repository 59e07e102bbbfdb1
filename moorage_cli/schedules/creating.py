"""`moorage schedules create`: a PipelineSchedule of a compiled pipeline."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from moorage import wire
from moorage.errors import InputError
from moorage.kube import PIPELINE_SCHEDULES, Client, RawObject
from moorage.model import API_VERSION
from moorage.reading.duration import parse_seconds
from moorage.runs import RunRef, StretchedPipeline
from moorage.runs.schedules import ConcurrencyPolicy
from moorage.runs.submissions import Packed, pack
from moorage.wire.schedules import read_schedule
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import document, output_option, say
from moorage_cli.plan.files import read_bytes
from moorage_cli.running import EXIT_CODES
from moorage_cli.runs.arguments import check_takes_text, read_arguments
from moorage_cli.runs.options import FILE, run_options
from moorage_cli.runs.submitting import create_with_pipeline, mapping_in
from moorage_cli.schedules.telling import next_times
from pipeline_splitter.documents import parse
from pipeline_splitter.kfp.spec import read_spec

_MOST_DAYS: Final = 36_500


@click.command(short_help="Create a schedule of a compiled pipeline.", epilog=EXIT_CODES, no_args_is_help=True)
@click.argument("name")
@click.argument("pipeline", type=FILE)
@click.option("--cron", metavar="FIELDS", help="Minute, hour, day of month, month, day of week; or @daily.")
@click.option("--time-zone", metavar="ZONE", help="The time zone of --cron, such as Europe/Berlin [default: UTC].")
@click.option("--every", metavar="DURATION", help="Instead of --cron: 90s, 30m, 6h.")
@click.option(
    "--on",
    "datasets",
    multiple=True,
    metavar="DATASET[=PARAMETER]",
    help="Run when this Dataset (NAME, or NAMESPACE/NAME) has a new version, and pass it as PARAMETER; repeatable.",
)
@click.option(
    "--settle", metavar="DURATION", help="How long a new version must be stable before it creates a run [default: 60s]."
)
@click.option("--start", metavar="TIME", help="No runs before this time, such as 2026-12-01T00:00:00Z.")
@click.option("--end", metavar="TIME", help="No runs after this time.")
@click.option(
    "--overlap",
    type=click.Choice([policy.value for policy in ConcurrencyPolicy], case_sensitive=False),
    help="While an earlier run is in progress: start a new one too, wait, or replace it [default: allow].",
)
@click.option("--catch-up", type=click.IntRange(0, 100), help="How many missed times to catch up at most [default: 1].")
@click.option(
    "--keep-days",
    type=click.IntRange(0, _MOST_DAYS),
    help="Delete a run's objects from the stores after this many days.",
)
@run_options
@click.option("--paused", is_flag=True, help="Create no runs until `moorage schedules resume NAME`.")
@click.option("--dry-run", is_flag=True, help="Create nothing; let the API server validate it, and print it.")
@output_option("message", "yaml", "json", "name")
@target_options
@click.pass_context
def create(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    /,
    *,
    name: str,
    pipeline: Path,
    parameters: tuple[str, ...],
    parameters_file: Path | None,
    objective: str,
    hints: Path | None,
    service_account: str,
    keep_days: int | None,
    dry_run: bool,
    output: str,
    **timing: Any,  # noqa: ANN401 - click's
) -> None:
    """Create the schedule NAME, which runs PIPELINE at given times, or when data changes.

    PIPELINE is compiled Kubeflow IR (YAML or JSON). Each run is a StretchedPipeline whose name begins with NAME.

    \b
    moorage schedules create nightly pipeline.yaml -n fraud --cron "0 3 * * MON-FRI" --time-zone Europe/Berlin
    moorage schedules create six pipeline.yaml -n fraud --every 6h --overlap forbid --keep-days 30
    moorage schedules create fresh pipeline.yaml -n fraud --on stewards/claims=version -p version=none
    """  # noqa: D301 - \b is what click needs
    content = read_bytes(pipeline, "PIPELINE")
    spec = read_spec(parse(content, str(pipeline)), str(pipeline))
    triggers = triggers_of(timing.pop("datasets"), timing.pop("settle"))
    for trigger in triggers:
        if "parameter" in trigger:
            check_takes_text(spec, trigger["parameter"], "--on")
    values = read_arguments(spec, parameters, mapping_in(parameters_file, "--parameters"))
    packed = pack(content, name, str(pipeline))

    def wanted(namespace: str) -> RawObject:
        template = StretchedPipeline(
            ref=RunRef(namespace, name, ""),
            source=packed.source,
            parameters=values,
            objective=objective,
            hints=mapping_in(hints, "--hints") if hints else None,
            service_account=service_account,
            retention_days=keep_days,
        )
        raw: RawObject = {
            "apiVersion": API_VERSION,
            "kind": PIPELINE_SCHEDULES.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                **timing_of(**timing),
                **({"triggers": triggers} if triggers else {}),
                "template": {"spec": wire.write_stretched_pipeline_spec(template)},
            },
        }
        read_schedule(raw)
        return raw

    async def send(client: Client, namespace: str) -> RawObject:
        raw = wanted(namespace)
        if dry_run:
            return await client.create(PIPELINE_SCHEDULES, raw, dry_run=True)
        return await create_with_pipeline(client, PIPELINE_SCHEDULES, raw, packed)

    _print(target_of(context).ask(send), output, packed, dry_run=dry_run)


def _print(made: RawObject, output: str, packed: Packed, *, dry_run: bool) -> None:
    metadata = made["metadata"]
    metadata.pop("managedFields", None)
    name = f"pipelineschedule.moorage.dev/{metadata['name']}"
    if output in {"yaml", "json"}:
        if dry_run and packed.gzipped is not None:
            say(f"Warning: ConfigMap {metadata['name']}, which holds the pipeline, is not printed", err=True)
        document(made, output)
    elif output == "name":
        say(name)
    else:
        say(f"{name} created{' (dry run)' if dry_run else ''} in namespace {metadata['namespace']}")
        due = [] if made["spec"].get("suspend") else next_times(made, datetime.now(tz=UTC), 1)
        if due:
            say(f"It is due at {due[0]}.")
        if not dry_run:
            say(f"See its runs: moorage schedules show {metadata['name']} -n {metadata['namespace']}")


def timing_of(  # noqa: PLR0913 - each is a keyword
    *,
    cron: str | None = None,
    time_zone: str | None = None,
    every: str | None = None,
    start: str | None = None,
    end: str | None = None,
    overlap: str | None = None,
    catch_up: int | None = None,
    paused: bool = False,
) -> dict[str, Any]:
    """The fields of a PipelineSchedule's spec that say when, and what happens with several runs at once. Pure.

    Raises:
        InputError: a duration is none, or options contradict each other.
    """
    if cron is not None and every is not None:
        raise InputError("moorage schedules create", "--every", "can't stand beside --cron: leave one of them out")
    if time_zone is not None and cron is None:
        raise InputError("moorage schedules create", "--time-zone", "says how --cron is read: add --cron")
    fields = {
        "schedule": cron,
        "timeZone": time_zone,
        "everySeconds": None if every is None else _seconds("--every", every),
        "startTime": start,
        "endTime": end,
        "concurrencyPolicy": overlap,
        "catchUp": catch_up,
        "suspend": True if paused else None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def triggers_of(datasets: Iterable[str], settle: str | None) -> list[dict[str, Any]]:
    """The triggers that `--on` names. Pure.

    Raises:
        InputError: one is no Dataset's name.
    """
    quiet = {} if settle is None else {"debounceSeconds": _seconds("--settle", settle)}
    found: list[dict[str, Any]] = []
    for text in datasets:
        dataset, equals, parameter = text.partition("=")
        namespace, slash, name = dataset.rpartition("/")
        if not name or (slash and not namespace) or "/" in namespace or (equals and not parameter):
            raise InputError("--on", text, "is no Dataset: write NAME, NAMESPACE/NAME, or NAMESPACE/NAME=PARAMETER")
        about = {"namespace": namespace, "name": name} if namespace else {"name": name}
        found.append({"dataset": about, **({"parameter": parameter} if parameter else {}), **quiet})
    if quiet and not found:
        raise InputError("moorage schedules create", "--settle", "says how long a new version must stand: add --on")
    return found


def _seconds(option: str, text: str) -> int:
    try:
        seconds = parse_seconds(text, as_kubectl=True)
    except ValueError as error:
        raise InputError("moorage schedules create", option, f"is {error}") from None
    if seconds.denominator != 1 or seconds < 0:
        raise InputError("moorage schedules create", option, "must be whole seconds: write 90s, 30m or 6h")
    return int(seconds)
