"""An ML Metadata store in memory behind the real gRPC service: what Kubeflow's drivers and launchers write.

Numbers in Structs are floats, pages are small, and a context that is not there is an empty answer, as in the real one.
"""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc

from pipeline_executor.runners.kubeflow.lineage import ExecutionState
from pipeline_executor.runners.kubeflow.metadata_schema import MLMD, SERVICE

_PAGE = 3
_INPUT = 3
_OUTPUT = 4


@dataclass
class Row:
    """An execution."""

    id: int
    run_id: str
    state: ExecutionState
    properties: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)
    begun_ms: int = 0
    changed_ms: int = 0


class MetadataStore:
    """One store; `async with` serves it.

    Attributes:
        port: where it listens.
        rows: executions, by id.
        artifacts: URI and metadata, by id.
        events: execution, output's name, index in a list or None, artifact.
        reads: execution, artifact.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._server = grpc.aio.server()
        self.port = 0
        self.rows: dict[int, Row] = {}
        self.artifacts: dict[int, tuple[str, dict[str, Any]]] = {}
        self.events: list[tuple[int, str, int | None, int]] = []
        self.reads: list[tuple[int, int]] = []
        self._contexts: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        handlers = {}
        for name in (
            "GetContextByTypeAndName",
            "GetExecutionsByContext",
            "GetEventsByExecutionIDs",
            "GetArtifactsByID",
        ):
            handlers[name] = grpc.unary_unary_rpc_method_handler(
                getattr(self, f"_{name}"),
                request_deserializer=MLMD[f"{name}Request"].FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(None)

    # --- what drivers and launchers write ---

    def context(self, run_id: str) -> None:
        """A run begins."""
        self._contexts.setdefault(run_id, next(self._numbers))

    def execution(self, run_id: str, state: ExecutionState = ExecutionState.RUNNING, **properties: Any) -> int:  # noqa: ANN401
        """A driver's; gives its id."""
        row = Row(next(self._numbers), run_id, state, properties, begun_ms=_now_ms(), changed_ms=_now_ms())
        self.rows[row.id] = row
        return row.id

    def change(self, execution: int, state: ExecutionState, outputs: Mapping[str, Any] | None = None) -> None:
        """What a launcher publishes."""
        row = self.rows[execution]
        row.state, row.changed_ms = state, _now_ms()
        row.outputs = dict(outputs or {})

    def artifact(self, uri: str, metadata: Mapping[str, Any]) -> int:
        """Gives its id."""
        number = next(self._numbers)
        self.artifacts[number] = (uri, dict(metadata))
        return number

    def output(self, execution: int, name: str, artifact: int, index: int | None = None) -> None:
        """An execution gave out an artifact."""
        self.events.append((execution, name, index, artifact))

    def input(self, execution: int, artifact: int) -> None:
        """An execution reads an artifact."""
        self.reads.append((execution, artifact))

    # --- the service ---

    async def _GetContextByTypeAndName(self, request: Any, _: Any) -> Any:  # noqa: ANN401, N802 - gRPC's names
        found = self._contexts.get(request.context_name) if request.type_name == "system.PipelineRun" else None
        answer = MLMD["GetContextByTypeAndNameResponse"]()
        if found is not None:
            answer.context.id, answer.context.name = found, request.context_name
        return answer

    async def _GetExecutionsByContext(self, request: Any, _: Any) -> Any:  # noqa: ANN401, N802
        runs = {number: run_id for run_id, number in self._contexts.items()}
        rows = sorted(
            (row for row in self.rows.values() if row.run_id == runs.get(request.context_id)), key=lambda row: row.id
        )
        begin = int(request.options.next_page_token or 0)
        answer = MLMD["GetExecutionsByContextResponse"]()
        for row in rows[begin : begin + _PAGE]:
            write_row(answer.executions.add(), row)
        if begin + _PAGE < len(rows):
            answer.next_page_token = str(begin + _PAGE)
        return answer

    async def _GetEventsByExecutionIDs(self, request: Any, _: Any) -> Any:  # noqa: ANN401, N802
        answer = MLMD["GetEventsByExecutionIDsResponse"]()
        for execution, artifact in self.reads:
            if execution in request.execution_ids:
                event = answer.events.add(artifact_id=artifact, execution_id=execution, type=_INPUT)
                event.path.steps.add(key="given")
        for execution, name, index, artifact in self.events:
            if execution in request.execution_ids:
                event = answer.events.add(artifact_id=artifact, execution_id=execution, type=_OUTPUT)
                event.path.steps.add(key=name)
                if index is not None:
                    event.path.steps.add(index=index)
        return answer

    async def _GetArtifactsByID(self, request: Any, _: Any) -> Any:  # noqa: ANN401, N802
        answer = MLMD["GetArtifactsByIDResponse"]()
        for number in request.artifact_ids:
            uri, metadata = self.artifacts[number]
            write_artifact(answer.artifacts.add(), number, uri, metadata)
        return answer


def write_row(message: Any, row: Row) -> None:  # noqa: ANN401 - protobuf has no types
    """As Kubeflow's drivers write executions."""
    message.id, message.last_known_state = row.id, row.state
    message.create_time_since_epoch, message.last_update_time_since_epoch = row.begun_ms, row.changed_ms
    for key, value in row.properties.items():
        target = message.custom_properties[key]
        if isinstance(value, int):
            target.int_value = value
        else:
            target.string_value = value
    if row.outputs:
        fill_struct(message.custom_properties["outputs"].struct_value, row.outputs)


def write_artifact(message: Any, number: int, uri: str, metadata: Mapping[str, Any]) -> None:  # noqa: ANN401
    """As Kubeflow's launchers write artifacts: numbers as doubles, lists and mappings wrapped, entries of their own."""
    message.id, message.uri = number, uri
    message.custom_properties["display_name"].string_value = "shown"
    message.custom_properties["store_session_info"].string_value = "{}"
    for key, value in metadata.items():
        target = message.custom_properties[key]
        if isinstance(value, str):
            target.string_value = value
        elif isinstance(value, bool):
            target.int_value = int(value)
        elif isinstance(value, int | float):
            target.double_value = float(value)
        else:
            fill_struct(target.struct_value, {"list" if isinstance(value, list) else "struct": value})


def fill_struct(struct: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401
    """A protobuf Struct of JSON: all its numbers are floats."""
    for key, value in values.items():
        _fill(struct.fields[key], value)


def _fill(target: Any, value: Any) -> None:  # noqa: ANN401
    match value:
        case None:
            target.null_value = 0
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = float(value)
        case str():
            target.string_value = value
        case dict():
            target.struct_value.SetInParent()
            fill_struct(target.struct_value, value)
        case _:
            target.list_value.SetInParent()
            for each in value:
                _fill(target.list_value.values.add(), each)


def _now_ms() -> int:
    return int(time.time() * 1000)
