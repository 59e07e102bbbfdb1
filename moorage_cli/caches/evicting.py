"""`evict`: has nodes remove their copies of a dataset, once no pod uses them."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from moorage import wire
from moorage.caching import Eviction
from moorage.errors import ConflictError, ForbiddenError, NotFoundError
from moorage.kube import DATASETS, NODE_CACHES, NODES, PODS, SITES, Client
from moorage.model import Dataset, DatasetRef
from moorage.objectives import format_bytes
from moorage.sites import Inventory
from moorage.wire.dataset import write_eviction
from moorage_cli.caches.warming import read_ref
from moorage_cli.caches.wishes import holders, merged, wishes
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.describing import read_sites
from moorage_cli.output import say, sentence
from moorage_cli.running import REFUSED
from moorage_cli.sentences import words
from moorage_cli.waiting import read_timeout

_LOOK_SECONDS = 1.0
_TRIES = 5


@click.command(short_help="Have nodes remove their copies of a dataset.")
@click.argument("name", type=DatasetName(), metavar="[NAMESPACE/]NAME")
@click.option("--node", "nodes", multiple=True, metavar="NODE", help="On this node; repeat it for more.")
@click.option("--site", "sites", multiple=True, metavar="SITE", help="At this site; repeat it for more.")
@click.option("--all", "everywhere", is_flag=True, help="Everywhere.")
@click.option("--wait/--no-wait", "waits", default=True, show_default=True, help="Wait until they are gone.")
@click.option("--timeout", default="60s", show_default=True, help="How long to wait: 30s, 5m, 1h.")
@target_options
@click.pass_context
def evict(  # noqa: PLR0913 - click's way
    context: click.Context,
    /,
    *,
    name: str,
    nodes: tuple[str, ...],
    sites: tuple[str, ...],
    everywhere: bool,
    waits: bool,
    timeout: str,
) -> int:
    """Make nodes remove their current copies of a dataset. The data itself is never touched.

    The request is written into the Dataset (spec.cache.evict), so you need permission to change it. Nodes check every
    20 seconds. A copy that a pod uses stays until the pod ends; the message names these pods. To prevent new copies,
    set spec.cache.mode: none.

    Exit code 0: the copies are gone (or, with --no-wait, requested to go). 1: some are still there.

    \b
    kubectl dataset evict flights -n stewards --all
    kubectl dataset evict flights -n stewards --site us-1
    kubectl dataset evict flights -n stewards --node eu-1-n1 --no-wait
    """  # noqa: D301 - \b is what click needs
    if everywhere == bool(nodes or sites):
        raise click.UsageError("say which copies: --node, --site, or else --all")
    seconds, meant = read_timeout(timeout), wishes(datetime.now(tz=UTC), sites, nodes)

    async def ask(client: Client, namespace: str) -> int:
        ref = read_ref(name, namespace)
        await _check_sites(client, sites)
        dataset = await _write(client, ref, meant)
        say(f"dataset.moorage.dev/{ref.name}: copies are asked to leave")
        return await _follow(client, dataset, meant, seconds) if waits else 0

    return target_of(context).ask(ask)


async def _check_sites(client: Client, sites: Collection[str]) -> None:
    if not sites:
        return
    try:
        known = {site.name for site in read_sites(await client.list(SITES))}
    except ForbiddenError:
        return
    for site in sites:
        if site not in known:
            raise NotFoundError(f"there is no Site {site} (known Sites: {', '.join(sorted(known))})", status=404)


async def _write(client: Client, ref: DatasetRef, meant: Sequence[Eviction]) -> Dataset:
    """Add the wishes to the Dataset; who else adds some meanwhile loses none."""
    for attempt in range(_TRIES):
        raw = await client.get(DATASETS, ref.name, ref.namespace)
        dataset = wire.read_dataset(raw)
        kept = merged(dataset.cache.evictions, meant, f"Dataset {ref}")
        about = {"name": ref.name, "namespace": ref.namespace, "resourceVersion": raw["metadata"]["resourceVersion"]}
        spec = {"cache": {"evict": [write_eviction(each) for each in kept]}}
        try:
            return wire.read_dataset(await client.merge_patch(DATASETS, {"metadata": about, "spec": spec}))
        except ConflictError:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be seen of copies and their users.

    Attributes:
        held: bytes by node.
        users: pods by node; "" holds those whose node can't be seen.
    """

    held: dict[str, int]
    users: dict[str, list[str]]

    @property
    def may_go(self) -> set[str]:
        """The nodes whose copy no pod is known to use."""
        return set() if self.users.get("") else self.held.keys() - self.users.keys()


async def _follow(client: Client, dataset: Dataset, meant: Sequence[Eviction], seconds: float) -> int:
    """Look until those that may go have gone, or the time is up; gives the exit code."""
    try:
        site_of = await _site_of(client)
        seen = await _look(client, dataset.ref, meant, site_of)
    except ForbiddenError as error:
        sentence(f"Whether they have gone can't be seen ({error}); nodes look every 20 seconds.")
        return 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while seen.may_go:
                await asyncio.sleep(_LOOK_SECONDS)
                seen = await _look(client, dataset.ref, meant, site_of)
    if not seen.held:
        say("No copy is left there.")
        return 0
    for node, size_bytes in seen.held.items():
        users = [*seen.users.get(node, ()), *seen.users.get("", ())]
        ended = "it has ended" if len(users) == 1 else "they have ended"
        why = f", used by {words(users)}: it leaves once {ended}" if users else ": the node has not answered yet"
        say(f"{node} has {format_bytes(size_bytes)}{why}", err=True)
    return REFUSED


async def _site_of(client: Client) -> dict[str, str]:
    """The site of each node."""
    inventory = Inventory.of(read_sites(await client.list(SITES)))
    nodes = [wire.read_node(raw) for raw in await client.list(NODES)]
    return {node.name: inventory.place_of_node(node).site_name or "" for node in nodes}


async def _look(client: Client, ref: DatasetRef, meant: Sequence[Eviction], site_of: dict[str, str]) -> Seen:
    caches = [wire.read_node_cache(raw) for raw in await client.list(NODE_CACHES)]
    held = holders(caches, ref, meant, site_of)
    if not held:
        return Seen({}, {})
    status = wire.read_dataset(await client.get(DATASETS, ref.name, ref.namespace)).status
    users: dict[str, list[str]] = {}
    for user in status.in_use_by:
        node = await _node_of(client, user)
        if node is None or node in held:
            users.setdefault(node or "", []).append(user)
    return Seen(held, users)


async def _node_of(client: Client, user: str) -> str | None:
    """Where a pod runs: "-" where it is gone, None where the person may not see it."""
    namespace, _, name = user.partition("/")
    try:
        pod: dict[str, Any] = await client.get(PODS, name, namespace)
    except NotFoundError:
        return "-"
    except ForbiddenError:
        return None
    return str(pod["spec"].get("nodeName") or "-")
