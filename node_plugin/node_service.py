"""The gRPC services on two Unix sockets: CSI Identity and Node, and the kubelet's plugin Registration."""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import grpc

import moorage
from moorage.errors import BrokerError, InputError, MoorageError, MountError, NotYetError
from moorage.refusal import DENIED, NOT_FOUND, NOT_POSSIBLE
from moorage.serving import metrics
from node_plugin import csi
from node_plugin.publishing import Publisher
from node_plugin.settings import DRIVER_NAME

_log = logging.getLogger(__name__)

Request = TypeVar("Request")
Handler: TypeAlias = Callable[[Request, grpc.aio.ServicerContext], Awaitable[bytes]]

_STOP_SECONDS: Final = 3.0
_STATUS_OF_REFUSAL: Final = {
    DENIED: grpc.StatusCode.PERMISSION_DENIED,
    NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    NOT_POSSIBLE: grpc.StatusCode.FAILED_PRECONDITION,
}
_STATUS_OF_ERROR: Final = (
    (InputError, grpc.StatusCode.INVALID_ARGUMENT),
    (BrokerError, grpc.StatusCode.UNAVAILABLE),
    (NotYetError, grpc.StatusCode.FAILED_PRECONDITION),
    (MountError, grpc.StatusCode.INTERNAL),
)


class Registration:
    """What the kubelet asks a new plugin, and what it made of us.

    Attributes:
        problem: None once the kubelet has accepted the driver.
    """

    def __init__(self, csi_socket: Path) -> None:
        self._csi_socket = csi_socket
        self.problem: str | None = "the kubelet has not registered the driver yet"

    async def get_info(self, _request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        """GetInfo."""
        return csi.write_registration(DRIVER_NAME, str(self._csi_socket))

    async def notify_status(self, status: csi.RegistrationStatus, _context: grpc.aio.ServicerContext) -> bytes:
        """NotifyRegistrationStatus."""
        self.problem = None if status.registered else f"the kubelet refused the driver: {status.error}"
        _log.log(logging.INFO if status.registered else logging.ERROR, "registration", extra={"problem": self.problem})
        return csi.EMPTY

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service."""
        return grpc.method_handlers_generic_handler(
            "pluginregistration.Registration",
            {
                "GetInfo": _method(self.get_info, bytes),
                "NotifyRegistrationStatus": _method(self.notify_status, csi.read_registration_status),
            },
        )


class Node:
    """CSI Identity and Node over a Publisher."""

    def __init__(self, publisher: Publisher, node_name: str) -> None:
        self._publisher = publisher
        self._node_name = node_name

    async def publish(self, request: csi.PublishRequest, context: grpc.aio.ServicerContext) -> bytes:
        """NodePublishVolume."""
        try:
            refusal = await self._publisher.publish(request)
        except MoorageError as error:
            metrics.PUBLISHES.labels(_result(error)).inc()
            raise
        metrics.PUBLISHES.labels("published" if refusal is None else "refused").inc()
        if refusal is not None:
            await context.abort(_STATUS_OF_REFUSAL[refusal.code], refusal.message)
        return csi.EMPTY

    async def unpublish(self, request: csi.UnpublishRequest, _context: grpc.aio.ServicerContext) -> bytes:
        """NodeUnpublishVolume."""
        await self._publisher.unpublish(request)
        return csi.EMPTY

    async def node_info(self, _request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        """NodeGetInfo."""
        return csi.write_node_id(self._node_name)

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """The services."""
        identity = grpc.method_handlers_generic_handler(
            "csi.v1.Identity",
            {
                "GetPluginInfo": _method(_constant(csi.write_plugin_name(DRIVER_NAME, moorage.__version__)), bytes),
                "GetPluginCapabilities": _method(_constant(csi.EMPTY), bytes),
                "Probe": _method(_constant(csi.write_probe(ready=True)), bytes),
            },
        )
        node = grpc.method_handlers_generic_handler(
            "csi.v1.Node",
            {
                "NodePublishVolume": _method(self.publish, csi.read_publish),
                "NodeUnpublishVolume": _method(self.unpublish, csi.read_unpublish),
                # No capability: the kubelet then neither stages volumes nor asks for statistics, which would look in.
                "NodeGetCapabilities": _method(_constant(csi.EMPTY), bytes),
                "NodeGetInfo": _method(self.node_info, bytes),
            },
        )
        return identity, node


def _result(error: MoorageError) -> str:
    """Of a publish, as the metric has it."""
    if isinstance(error, NotYetError):
        return "waiting"
    return "unavailable" if isinstance(error, BrokerError) else "failed"


@asynccontextmanager
async def serving(path: Path, *handlers: grpc.GenericRpcHandler) -> AsyncIterator[None]:
    """Serve on a Unix socket while the block runs; the socket of a driver that was killed is replaced."""
    _clear(path)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(handlers)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield
    finally:
        _clear(path)
        await server.stop(_STOP_SECONDS)


def _clear(path: Path) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


def _constant(response: bytes) -> Handler[bytes]:
    async def answer(_request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        return response

    return answer


def _method(handler: Handler[Request], read: Callable[[bytes], Request]) -> Any:  # noqa: ANN401 - grpc has no types
    async def guarded(request: Request, context: grpc.aio.ServicerContext) -> bytes:
        try:
            return await handler(request, context)
        except (InputError, BrokerError, MountError) as error:
            status = next(status for kind, status in _STATUS_OF_ERROR if isinstance(error, kind))
            _log.warning("refused a call", extra={"status": status.name, "cause": str(error)})
            await context.abort(status, str(error))
            raise
        except (OSError, LookupError, TypeError, ValueError):
            # The text of an unforeseen error may hold anything; the kubelet puts it into an Event.
            _log.exception("a call failed")
            await context.abort(
                grpc.StatusCode.INTERNAL, f"the node plugin on {os.uname().nodename} failed; its log says more"
            )
            raise

    return grpc.unary_unary_rpc_method_handler(guarded, request_deserializer=read)
