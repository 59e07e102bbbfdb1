"""Client of ML Metadata for a run, over gRPC: bounded in time, in bytes and in number."""

from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import grpc

from moorage.errors import KubeflowError
from pipeline_executor.runners.kubeflow.lineage import (
    Execution,
    ExecutionState,
    Lineage,
    StoredArtifact,
    inputs_by_execution,
    outputs_by_execution,
    read_artifact,
    read_execution,
)
from pipeline_executor.runners.kubeflow.metadata_schema import MLMD, SERVICE

_RUN_CONTEXT: Final = "system.PipelineRun"
_PAGE: Final = 100
_IDS_AT_ONCE: Final = 200
_MOST_EXECUTIONS: Final = 50_000
_MOST_MESSAGE_BYTES: Final = 64 << 20
_SECONDS: Final = 30.0
_GAVE_OUT: Final = frozenset({ExecutionState.COMPLETE, ExecutionState.CACHED})


class MetadataClient:
    """One ML Metadata store; `async with` closes the connection.

    Args:
        address: `grpc://host:port`, or `grpcs://host:port` for TLS.
        certificates: PEM of authorities to trust, for TLS; empty: the system's.
    """

    def __init__(self, address: str, certificates: bytes = b"") -> None:
        self._address = address
        target = urlsplit(address).netloc
        options = [("grpc.max_receive_message_length", _MOST_MESSAGE_BYTES)]
        if address.startswith("grpcs://"):
            trusted = grpc.ssl_channel_credentials(certificates or None)
            self._channel = grpc.aio.secure_channel(target, trusted, options)
        else:
            self._channel = grpc.aio.insecure_channel(target, options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def lineage(self, run_id: str, known: Lineage) -> Lineage:
        """Return all that is known of a run; nothing where it has not begun.

        Args:
            run_id: Kubeflow's.
            known: what was read before: of what has ended since then only the rest is read.

        Raises:
            KubeflowError: the store does not answer, or the run has too many executions.
        """
        context = await self._context(run_id)
        if context is None:
            return Lineage()
        executions = await self._executions(context, run_id)
        missing = [each.id for each in executions if each.state in _GAVE_OUT and each.id not in known.artifacts]
        found = await self._events(missing)
        ids = {each.id for each in executions}
        outputs = {each: known.artifacts[each] for each in known.artifacts.keys() & ids}
        inputs = {each: known.inputs[each] for each in known.inputs.keys() & ids}
        return Lineage(
            tuple(executions),
            outputs | {each: found.artifacts.get(each, {}) for each in missing},
            inputs | dict(found.inputs),
        )

    async def _context(self, run_id: str) -> int | None:
        request = {"type_name": _RUN_CONTEXT, "context_name": run_id}
        answer = await self._call("GetContextByTypeAndName", **request)
        # Asked for a context that is not there, some versions answer with none, and some with NOT_FOUND.
        return answer.context.id if answer is not None and answer.HasField("context") else None

    async def _executions(self, context: int, run_id: str) -> list[Execution]:
        found: list[Execution] = []
        token = ""
        while True:
            options = MLMD["ListOperationOptions"](max_result_size=_PAGE, next_page_token=token)
            page = await self._call("GetExecutionsByContext", context_id=context, options=options)
            if page is None:
                return found
            found += map(read_execution, page.executions)
            if len(found) > _MOST_EXECUTIONS:
                raise KubeflowError(f"run {run_id} has more than {_MOST_EXECUTIONS:,} executions in {self._address}")
            token = page.next_page_token
            if not token:
                return found

    async def _events(self, executions: list[int]) -> Lineage:
        """Ask what executions read and gave out."""
        outputs: dict[int, dict[str, tuple[StoredArtifact, ...]]] = {}
        inputs: dict[int, tuple[str, ...]] = {}
        for some in _slices(executions):
            answer = await self._call("GetEventsByExecutionIDs", execution_ids=some)
            events = list(answer.events) if answer is not None else []
            artifacts: dict[int, StoredArtifact] = {}
            for ids in _slices(sorted({event.artifact_id for event in events})):
                several = await self._call("GetArtifactsByID", artifact_ids=ids)
                for message in several.artifacts if several is not None else ():
                    artifacts[message.id] = read_artifact(message)
            outputs |= outputs_by_execution(events, artifacts)
            inputs |= inputs_by_execution(events, artifacts)
        return Lineage((), outputs, inputs)

    async def _call(self, method: str, **fields: Any) -> Any:  # noqa: ANN401 - protobuf has no types
        """Ask; None where the store says that there is no such thing."""
        call = self._channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MLMD[f"{method}Response"].FromString,
        )
        try:
            return await call(MLMD[f"{method}Request"](**fields), timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            said = " ".join((error.details() or "").split())[:300]
            problem = f"ML Metadata at {self._address} does not answer ({error.code().name}): {said}"
            raise KubeflowError(f"{problem}: check that it runs and can be reached from the spoke") from None


def _slices(ids: list[int]) -> list[list[int]]:
    return [ids[first : first + _IDS_AT_ONCE] for first in range(0, len(ids), _IDS_AT_ONCE)]
