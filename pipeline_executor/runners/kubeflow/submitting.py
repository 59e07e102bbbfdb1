"""Starts a run once, though `POST /runs` is not idempotent: a repeat answers 500, and starts a second Workflow.

So Kubeflow is asked for the run's id first. And when a request was sent and its answer did not come, or its sender was
killed, no other is sent for a minute: the first one may still be under way. The time of sending is in the store.
"""

from collections.abc import Callable
from typing import Final

from moorage.errors import InputError
from pipeline_executor.runners.kubeflow.client import KubeflowClient
from pipeline_executor.runners.kubeflow.places import Places
from pipeline_executor.runners.kubeflow.run_ids import run_id
from pipeline_executor.runners.kubeflow.state import State
from pipeline_executor.runners.kubeflow.storing import objects_at
from pipeline_executor.runners.kubeflow.submission import imported_uris, run_request
from pipeline_executor.runners.protocol import GroupRun

UNDER_WAY_SECONDS: Final = 60.0
_MOST_BYTES: Final = 100


class Submitting:
    """The idempotent submission of runs.

    Args:
        backend: Kubeflow.
        namespace: where its runs are.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, backend: KubeflowClient, namespace: str, now: Callable[[], float]) -> None:
        self._backend = backend
        self._namespace = namespace
        self._now = now

    async def submit(self, state: State) -> float | None:
        """Start a group's run, which Kubeflow was just asked for and has not; for how many seconds to wait instead.

        Raises:
            InputError: it can't be started, now or later.
            MoorageError: it is not known whether it was started; ask Kubeflow for it.
        """
        run = state.run
        namespace = run.group.namespace
        if namespace != self._namespace:
            problem = (
                f"tasks run in {self._namespace}, where this site's Kubeflow Pipelines runs them, not in {namespace}"
            )
            raise InputError(f"group {run.group.spec.group}", "namespace", f"{problem}: create the run there")
        waits = await self.under_way(state)
        if waits is not None:
            return waits
        await self._check_imports(state)
        root_uri = places_of(run).root_uri
        request = run_request(run.group, run.documents, state.program, run.parameters, root_uri)
        state.posted_at = self._now()
        await run.store.put(self._marker(state), f"{state.posted_at:.3f}".encode())
        state.backend = await self._backend.create(request)
        return None

    async def under_way(self, state: State) -> float | None:
        """Return the seconds for which a request without an answer may still start the run; None: there is no request.

        Raises:
            StoreError: the store does not answer.
        """
        if state.posted_at is None:
            content = await state.run.store.get(self._marker(state), _MOST_BYTES)
            state.posted_at = _number(content)
        rest = UNDER_WAY_SECONDS - abs(self._now() - state.posted_at)
        return rest if rest > 0 else None

    async def _check_imports(self, state: State) -> None:
        """Check that imported objects exist: Kubeflow's importers pass without them, and the user's code then fails."""
        run, subject = state.run, f"group {state.run.group.spec.group}"
        for uri in imported_uris(state.program, run.parameters, subject):
            inside = run.store.key(uri) is not None
            if inside and uri not in run.imported and not await objects_at(run.store, uri):
                raise InputError(subject, "importer", f"there is nothing at {uri}: correct the importer's URI")

    @staticmethod
    def _marker(state: State) -> str:
        spec = state.run.group.spec
        return state.run.keys.submitted(spec.group, spec.attempt)


def places_of(run: GroupRun) -> Places:
    """Return the permitted places of an attempt's outputs."""
    spec, root = run.group.spec, run.keys.root
    runs = root.removesuffix(f"{spec.run.name}/{spec.run.uid}/")
    return Places(
        root_uri=run.store.uri(f"{root}kubeflow/{spec.attempt}"),
        run_id=run_id(spec),
        runs_uri=run.store.uri(runs),
        imported=frozenset(run.imported),
    )


def _number(content: bytes | None) -> float:
    try:
        return float(content or b"0")
    except ValueError:
        return 0.0
