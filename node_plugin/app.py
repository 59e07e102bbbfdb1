"""The driver as a process: sockets, health, an orderly end that disturbs no mount."""

import logging
from pathlib import Path
from typing import Final

from moorage.serving.health import Health, make_app
from moorage.serving.run import Listener, serve, stop_on_signals
from node_plugin import mountinfo
from node_plugin.attaching import Attacher
from node_plugin.broker import HttpsBroker
from node_plugin.journal import Journal
from node_plugin.node_service import Node, Registration, serving
from node_plugin.pod_sockets import PodSockets
from node_plugin.publishing import NodeState, Publisher
from node_plugin.settings import NodePluginSettings

_log = logging.getLogger(__name__)

_DRAIN_SECONDS: Final = 1.0


async def run(settings: NodePluginSettings) -> None:
    """Serve until SIGTERM; mounts and the pods that use them stay as they are.

    Raises:
        SettingError: nothing says where the broker is.
    """
    stop = stop_on_signals()
    state = NodeState(
        kubelet_dir=settings.kubelet_dir,
        host_root=settings.host_root,
        broker=HttpsBroker(
            url=settings.broker_address(),
            server_name=settings.broker_server_name,
            ca_file=settings.broker_ca_file,
            token_file=settings.broker_token_file,
        ),
        journal=Journal(settings.journal_dir),
    )
    sockets = PodSockets(settings.kubelet_dir, Attacher(state).attach, settings.sidecar_uid)
    publisher = Publisher(state, sockets)
    registration = Registration(settings.csi_socket)
    health = Health()
    health.add_ready("registration", lambda: registration.problem)
    health.add_ready("propagation", lambda: propagation_problem(mountinfo.read(), settings.kubelet_dir))
    listener = Listener(
        port=settings.health_listen_port, host=settings.health_listen_host, drain_seconds=_DRAIN_SECONDS
    )
    publisher.resume()
    try:
        async with (
            serving(settings.csi_socket, *Node(publisher, settings.node_name).handlers()),
            serve(make_app(health), listener),
            # Last in, first out: the kubelet hears of us once we listen, and forgets us before we stop.
            serving(settings.registration_socket, registration.handlers()),
        ):
            _log.info("serving", extra={"socket": str(settings.csi_socket), "volumes": len(list(state.journal))})
            await stop.wait()
            health.drain()
    finally:
        await sockets.stop_all()
    _log.info("ended; the pods keep their mounts")


def propagation_problem(mounted: list[mountinfo.Mount], kubelet_dir: Path) -> str | None:
    """Say why mounts made here would not reach the pods; None where they do."""
    above = [mount for mount in mounted if kubelet_dir.is_relative_to(mount.mount_point)]
    nearest = max(above, key=lambda mount: (len(mount.mount_point), mount.mount_id), default=None)
    if nearest is not None and nearest.shared:
        return None
    return f"{kubelet_dir} is not mounted with mountPropagation: Bidirectional, so no pod would see a mount made here"
