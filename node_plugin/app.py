"""The driver as a process: sockets, health, and a graceful shutdown that disturbs no mount."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from moorage.errors import SettingError
from moorage.kube import Client
from moorage.queueing.keyed_locks import KeyedLocks
from moorage.serving.health import Health, make_app
from moorage.serving.run import Listener, serve, stop_on_signals
from node_plugin import mountinfo
from node_plugin.attaching import Attacher
from node_plugin.broker import Granting, HttpsBroker, Watching
from node_plugin.caching.holding import Holding, VersionKey
from node_plugin.caching.keeping import Keeper
from node_plugin.caching.reporting import Reporter
from node_plugin.caching.serving import Cache
from node_plugin.caching.state import CacheLimits, CacheState
from node_plugin.caching.store import Store, claim
from node_plugin.caching.usage import Usage
from node_plugin.journal import Journal
from node_plugin.memory.holding import HeldMemory
from node_plugin.memory.keeping import MemoryKeeper, keeping_memory
from node_plugin.memory.shared import SharedMemory
from node_plugin.neighbours.following import Following
from node_plugin.neighbours.memory_bringing import MemoryBringer
from node_plugin.neighbours.memory_serving import MemoryServer
from node_plugin.neighbours.sending import Sending
from node_plugin.neighbours.serving import Server, serving_neighbours
from node_plugin.node_service import Node, Registration, serving
from node_plugin.pod_sockets import PodSockets
from node_plugin.publishing import NodeState, Publisher
from node_plugin.revoking import revoking
from node_plugin.settings import NodePluginSettings
from node_plugin.web_identity import PodTokens, WebIdentityBroker

_log = logging.getLogger(__name__)

_DRAIN_SECONDS: Final = 1.0


async def run(settings: NodePluginSettings) -> None:
    """Serve until SIGTERM; mounts and the pods that use them stay as they are.

    Raises:
        SettingError: nothing says where the broker is.
    """
    stop = stop_on_signals()
    # Whoever opens a file to write to it, in the moment in which it is looked at whether anybody does, would end us.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    tokens = PodTokens(settings.web_identity_audience)
    decider = HttpsBroker(
        url=settings.broker_address(),
        server_name=settings.broker_server_name,
        ca_file=settings.broker_ca_file,
        token_file=settings.broker_token_file,
    )
    broker = WebIdentityBroker(decider, tokens, settings.web_identity_roles)
    journal, locks = Journal(settings.journal_dir), KeyedLocks[str]()
    cache = open_cache(settings, broker, decider, journal, locks)
    memory = SharedMemory(settings.memory_dir, journal, settings.memory_size_limit)
    server = neighbour_server(cache, settings, decider, memory)
    bringer = None if server is None else MemoryBringer(settings.node_name, decider, settings.broker_ca_file, memory)
    state = NodeState(
        kubelet_dir=settings.kubelet_dir,
        host_root=settings.host_root,
        broker=broker,
        watcher=decider,
        journal=journal,
        memory=memory,
        locks=locks,
        cache=cache,
        bringer=bringer,
        tokens=tokens,
    )
    keeper = MemoryKeeper(
        memory=memory,
        watcher=decider,
        idle_seconds=settings.memory_idle_seconds,
        every_seconds=settings.memory_look_seconds,
    )
    sockets = PodSockets(settings.kubelet_dir, Attacher(state).answer, settings.sidecar_uid)
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
            serving_neighbours(server, settings.neighbour_listen_host, settings.neighbour_listen_port),
            keeping(cache, settings, memory, str if server is None else server.told_address),
            keeping_memory(keeper),
            revoking(state, settings.review_seconds),
            serving(settings.csi_socket, *Node(publisher, settings.node_name).handlers()),
            serve(make_app(health), listener),
            # Last in, first out: the kubelet hears of us once we listen, and forgets us before we stop.
            serving(settings.registration_socket, registration.handlers()),
        ):
            _log.info("serving", extra={"socket": str(settings.csi_socket), "volumes": len(list(state.journal))})
            await stop.wait()
            health.drain()
    finally:
        if bringer is not None:
            await bringer.close()
        await sockets.stop_all()
    _log.info("ended; the pods keep their mounts")


def open_cache(
    settings: NodePluginSettings, broker: Granting, watcher: Watching, journal: Journal, locks: KeyedLocks[str]
) -> Cache | None:
    """The node's cache, as it is on the disk; None where there is none.

    A disk that refuses costs the cache and no mount.
    """
    if settings.cache_dir is None:
        return None
    try:
        # Two node plugins in one folder would each remove what the other fills; it is kept until the process ends.
        claim(settings.cache_dir)
        state = CacheState(
            store=Store(settings.cache_dir),
            usage=Usage(settings.cache_dir / "usage.json", time.time),
            journal=journal,
            broker=broker,
            watcher=watcher,
            locks=locks,
            limits=CacheLimits(
                size_bytes=settings.cache_size_limit,
                kept_free_share=settings.cache_kept_free_percent / 100,
                fills=settings.cache_fills,
                connections=settings.cache_connections,
                filler_user=settings.cache_filler_uid if settings.cache_filler_uid >= 0 and os.geteuid() == 0 else None,
            ),
        )
    except OSError as error:
        _log.error("there is no cache", extra={"path": str(settings.cache_dir), "cause": str(error)})
        return None
    return Cache(state)


def neighbour_server(
    cache: Cache | None, settings: NodePluginSettings, broker: HttpsBroker, memory: SharedMemory
) -> Server | None:
    """What serves copies and memory to other nodes, and follows theirs; None without a cache, or a way to reach us."""
    address = settings.neighbour_address
    if cache is None or address is None:
        return None
    sending = Sending(settings.neighbour_bytes_per_second)
    own = MemoryServer(memory, broker, settings.node_name, sending)
    server = Server(cache.state, broker, address, settings.broker_ca_file, sending, memory=own)
    cache.state.neighbours = Following(settings.node_name, broker, settings.broker_ca_file, lambda: server.is_certified)
    return server


def as_told(held: HeldMemory) -> Holding:
    """As NodeCache tells it: its version is the Dataset's uid, and it is never whole.

    It is told before anything lies there, so that other nodes ask this one as soon as something does.
    """
    return Holding(
        key=VersionKey(held.key.ref, held.key.uid),
        size_bytes=held.used_bytes,
        disk_bytes=held.size_bytes,
        whole=False,
        last_used=held.last_used,
        begun=True,
    )


@asynccontextmanager
async def keeping(
    cache: Cache | None, settings: NodePluginSettings, memory: SharedMemory, address: Callable[[], str]
) -> AsyncIterator[None]:
    """Look after the cache while the block runs."""
    if cache is None:
        yield
        return
    async with AsyncExitStack() as stack:
        reporter = None
        try:
            client = await stack.enter_async_context(Client.from_environment(field_manager="moorage-node-plugin"))
            reporter = Reporter(client, settings.node_name, address)
        except SettingError as error:
            _log.warning("NodeCache is not written", extra={"cause": str(error)})
        keeper = Keeper(cache, reporter, settings.cache_look_seconds, lambda: map(as_told, memory))
        task = asyncio.create_task(keeper.run(), name="keep the cache")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await cache.fills.close()


def propagation_problem(mounted: list[mountinfo.Mount], kubelet_dir: Path) -> str | None:
    """Say why mounts made here would not reach the pods; None where they do."""
    above = [mount for mount in mounted if kubelet_dir.is_relative_to(mount.mount_point)]
    nearest = max(above, key=lambda mount: (len(mount.mount_point), mount.mount_id), default=None)
    if nearest is not None and nearest.shared:
        return None
    return f"{kubelet_dir} is not mounted with mountPropagation: Bidirectional, so no pod would see a mount made here"
