"""Puts the spoke's parts together: the controller, its runner, and the task API over both."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from moorage import recording
from moorage.errors import InputError, StoreError
from moorage.kube import Client, Recorder
from moorage.runs import Manifest, RunKeys, RunRef
from pipeline_executor.runners.embedded.pods import SidecarSettings
from pipeline_executor.runners.embedded.runner import EmbeddedRunner, EmbeddedSettings
from pipeline_executor.runners.embedded.task_source import TaskSource
from pipeline_executor.runners.kubeflow.runner import KubeflowRunner
from pipeline_executor.runners.kubeflow.settings import KubeflowSettings
from pipeline_executor.runners.live_logs import LiveLogSettings
from pipeline_executor.runners.protocol import Runner
from pipeline_executor.runners.verdicts import Patience
from pipeline_executor.spoke.controller import Controller
from pipeline_executor.spoke.evidence import recorded
from pipeline_executor.spoke.settings import RunnerName, SpokeSettings
from pipeline_executor.store import ArtifactStore
from pipeline_executor.task_api import NoTasks, Tasks, make_app
from pipeline_executor.transfers import FINAL_REASONS, Place, transfer


@dataclass(frozen=True, slots=True)
class Spoke:
    """A spoke that runs.

    Attributes:
        app: the task API, to be served over TLS.
        problem: why it can do nothing now; None where it can.
    """

    app: web.Application
    problem: Callable[[], str | None]


@asynccontextmanager
async def assembled(
    client: Client,
    settings: SpokeSettings,
    certificates: Callable[[], str],
    identity: str,
    evidence: recording.Recorder | None = None,
) -> AsyncIterator[Spoke]:
    """Run it while the block runs.

    Args:
        client: its cluster.
        settings: what it is told.
        certificates: PEM of the authority of the task API's certificate, as it is now.
        identity: which process it is.
        evidence: has a line of each transfer; None: nobody records.
    """
    moving = _transfer if evidence is None else recorded(_transfer, evidence)
    controller = Controller(client, settings, moving, Recorder(client, "spoke", identity))
    runner, tasks = RUNNERS[settings.runner](client, settings, certificates, controller)
    controller.use(runner)

    def problem() -> str | None:
        return controller.bundle.problem(settings.blind_seconds)

    async with runner, controller:
        yield Spoke(make_app(client, tasks), problem)


def _embedded(
    client: Client, settings: SpokeSettings, certificates: Callable[[], str], controller: Controller
) -> tuple[Runner, Tasks]:
    runner = EmbeddedRunner(client, embedded_settings(settings), certificates, controller.poke)
    return runner, TaskSource(runner, controller.is_open)


def _kubeflow(
    client: Client,
    settings: SpokeSettings,
    certificates: Callable[[], str],  # noqa: ARG001 - its tasks have no sidecar of ours that would trust them
    controller: Controller,
) -> tuple[Runner, Tasks]:
    given = KubeflowSettings(
        endpoint=settings.kubeflow_endpoint,
        metadata=settings.kubeflow_metadata,
        namespace=settings.kubeflow_namespace,
        token_file=settings.kubeflow_token_file,
        certificates=settings.kubeflow_ca_file,
        patience=_patience(settings),
        log_bytes=settings.log_bytes,
        live_logs=_live_logs(settings),
    )
    return KubeflowRunner(client, given, controller.poke), NoTasks()


RUNNERS: Final = {RunnerName.EMBEDDED: _embedded, RunnerName.KUBEFLOW: _kubeflow}
"""What runs groups, and what its tasks may ask the task API."""


async def _transfer(
    run: RunRef, source: ArtifactStore, target: ArtifactStore, manifest: Manifest, told: Callable[[int], None]
) -> Manifest:
    """Copies an artifact, as `importing.Transfer` wants it."""
    places = [Place(store, RunKeys(store.prefix, run)) for store in (source, target)]
    try:
        return await transfer(manifest, places[0], places[1], progress=told)
    except StoreError as error:
        if error.reason in FINAL_REASONS:
            raise InputError(f"artifact {manifest.artifact}", "files", str(error)) from None
        raise


def names_of(settings: SpokeSettings) -> tuple[str, ...]:
    """The names under which sidecars reach the task API."""
    service = _service(settings)
    host = urlsplit(settings.task_api).hostname if settings.task_api else None
    return service, f"{service}.cluster.local", *(() if host is None else (host,))


def _service(settings: SpokeSettings) -> str:
    return f"{settings.service_name}.{settings.namespace}.svc"


def embedded_settings(settings: SpokeSettings) -> EmbeddedSettings:
    """What the embedded runner is told."""
    return EmbeddedSettings(
        sidecar=SidecarSettings(
            image=settings.sidecar_image,
            pull_policy=settings.sidecar_pull_policy,
            api=settings.task_api or f"https://{_service(settings)}:{settings.listen_port}",
            upload_seconds=settings.upload_seconds,
        ),
        patience=_patience(settings),
        log_bytes=settings.log_bytes,
        pods_at_once=settings.pods_per_group,
        live_logs=_live_logs(settings),
    )


def _live_logs(settings: SpokeSettings) -> LiveLogSettings:
    return LiveLogSettings(
        at_once=settings.live_logs,
        pause_seconds=settings.live_log_seconds,
        turn_seconds=settings.live_log_turn_seconds,
        most_bytes=settings.log_bytes,
    )


def _patience(settings: SpokeSettings) -> Patience:
    return Patience(
        pull=settings.pull_patience_seconds,
        config=settings.config_patience_seconds,
        refused=settings.refusal_patience_seconds,
        start=settings.start_patience_seconds,
        upload=float(settings.upload_seconds),
    )
