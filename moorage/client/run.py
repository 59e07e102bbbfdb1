"""`Run`: a pipeline that runs across clusters, from a notebook."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from moorage.client.artifacts import Outputs, RunArtifact, artifact_of
from moorage.client.showing import run_html
from moorage.client.statuses import RunStatus
from moorage.client.storing import first, log_reader, read_file, read_outputs, read_whole_log, run_apart
from moorage.errors import InputError, NotFoundError
from moorage.runs import FileEntry, Manifest, RunRef, TaskOutputs
from moorage.runs.logs import checked_task, sites_of
from moorage.stores import LogPiece, ReadableStore
from moorage.stores.served_logs import ServedLogs, run_id_of

if TYPE_CHECKING:
    from moorage.client.client import Client

_POLL_SECONDS: Final = 2.0
_PLURAL: Final = "stretchedpipelines"


class Run:
    """One run; `Client.submit` and `Client.run` give it.

    Attributes:
        name: the StretchedPipeline's.
        namespace: its namespace.
        uid: tells it from a later one of the same name.
    """

    def __init__(self, client: "Client", raw: Mapping[str, Any]) -> None:
        self._client = client
        metadata = raw["metadata"]
        self.name = str(metadata["name"])
        self.namespace = str(metadata["namespace"])
        self.uid = str(metadata["uid"])

    def __repr__(self) -> str:
        return f"Run({self.namespace}/{self.name})"

    def _repr_html_(self) -> str:
        return run_html(self.name, self.status)

    # --- how far it is ---

    @property
    def status(self) -> RunStatus:
        """Fetch the run's current status.

        Raises:
            NotFoundError: it was deleted.
        """
        return RunStatus.read(self._raw().get("status"))

    def wait(self, timeout_seconds: float | None = None) -> RunStatus:
        """Wait until it has ended, whatever the end; its status then.

        Args:
            timeout_seconds: how long at most; None: as long as it takes.

        Raises:
            TimeoutError: it has not ended by then; it goes on.
            NotFoundError: it was deleted.
        """
        ends = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not (status := self.status).has_ended:
            if ends is not None and time.monotonic() >= ends:
                raise TimeoutError(f"run {self.name} is {status.phase} after {timeout_seconds:g} s: {status.message}")
            time.sleep(_POLL_SECONDS)
        return status

    # --- what it left ---

    def logs(self, task: str, attempt: int | None = None) -> str:
        """Return the log of a task so far.

        It is read from the store of the task's site, or, where the client has a `server`, through that.

        Args:
            task: its name in the plan; of a loop's iteration `train#2/evaluate`.
            attempt: None: the last.

        Raises:
            NotFoundError: there is no such log yet.
            StoreError: it can't be read; says what to do.
        """
        checked_task(task)
        raw = self._raw()
        if self._client.server is not None:
            content = run_apart(self._served_log(raw, task, attempt))
        else:

            def at(site: str) -> bytes | None:
                async def read(store: ReadableStore) -> bytes | None:
                    return await read_whole_log(log_reader(store, self._ref, task, attempt))

                return self._client.stores.read(site, read)

            content = first(sites_of(raw.get("status") or {}, task), at)
        if content is None:
            raise NotFoundError(f"run {self.name}: there is no log of task {task} yet", status=404)
        return content.decode("utf-8", "replace")

    async def _served_log(self, raw: dict[str, Any], task: str, wanted: int | None) -> bytes | None:
        address, authority = self._client.server or "", self._client.server_authority
        async with ServedLogs(address, self._client.objects.token, authority) as served:

            async def read(attempt: int | None, offset: int) -> LogPiece | None:
                return await served.read(run_id_of(raw), task, wanted if attempt is None else attempt, offset)

            return await read_whole_log(read)

    def outputs(self, task: str) -> Outputs:
        """Return the outputs of a task, parameters and artifacts.

        It takes keys of the store: those of its Secret where you may read it, else AWS's own variables.

        Raises:
            NotFoundError: it has given out nothing yet.
            StoreError: it can't be read; says what to do.
        """
        checked_task(task)
        status = self._raw().get("status") or {}
        attempts = {str(each.get("name")): int(each.get("attempt") or 0) for each in status.get("tasks") or ()}

        def at(site: str) -> Outputs | None:
            async def read(store: ReadableStore) -> TaskOutputs | None:
                for attempt in range(max(attempts.get(task, 0), 1), 0, -1):
                    if (found := await read_outputs(store, self._ref, task, attempt)) is not None:
                        return found
                return None

            found = self._client.stores.read(site, read)
            return None if found is None else self._outputs(site, found)

        outputs = first(sites_of(status, task), at)
        if outputs is None:
            raise NotFoundError(f"run {self.name}: task {task} has given out nothing yet", status=404)
        return outputs

    def artifact(self, name: str) -> RunArtifact:
        """Return the artifact `<task>.<output>`.

        Raises:
            InputError: the task has no such output.
            NotFoundError, StoreError: as `outputs`.
        """
        task, _, output = name.rpartition(".")
        artifacts = self.outputs(task).artifacts
        if output not in artifacts:
            known = ", ".join(f"{task}.{each}" for each in sorted(artifacts)) or "none"
            raise InputError(f"run {self.name}", "artifact", f"{name} is not there; task {task} has {known}")
        return artifacts[output]

    # --- what to do with it ---

    def cancel(self) -> None:
        """End it. What its tasks have made stays; it cannot be taken back."""
        self._change(cancel=True)

    def retry(self) -> None:
        """Go on from what failed; groups and tasks that succeeded are not run again."""
        spec = self._raw().get("spec") or {}
        self._change(retries=int(spec.get("retries") or 0) + 1)

    def approve(self) -> None:
        """Approve the plan, which waits for that.

        Raises:
            InputError: there is no plan yet.
        """
        digest = self.status.plan_digest
        if not digest:
            raise InputError(f"run {self.name}", "status.plan", "is not there yet: try again soon")
        self._change(approvedPlan=digest)

    # --- parts ---

    @property
    def _ref(self) -> RunRef:
        return RunRef(self.namespace, self.name, self.uid)

    def _raw(self) -> dict[str, Any]:
        raw = self._client.objects.get(_PLURAL, self.namespace, self.name)
        if raw["metadata"]["uid"] != self.uid:
            raise NotFoundError(f"run {self.name} was deleted; there is another one of this name", status=404)
        return raw

    def _change(self, **spec: object) -> None:
        self._client.objects.change(_PLURAL, self.namespace, self.name, spec)

    def _outputs(self, site: str, found: TaskOutputs) -> Outputs:
        made = {
            name: tuple(self._artifact(site, each) for each in several) for name, several in found.artifacts.items()
        }
        single = {name: several[0] for name, several in made.items() if name not in found.lists and several}
        return Outputs(found.parameters, single, {name: made[name] for name in found.lists if name in made})

    def _artifact(self, site: str, manifest: Manifest) -> RunArtifact:
        def read(file: FileEntry, most_bytes: int) -> bytes:
            async def content(store: ReadableStore) -> bytes:
                return await read_file(store, manifest, file, most_bytes)

            return self._client.stores.read(site, content)

        return artifact_of(site, manifest, read)
