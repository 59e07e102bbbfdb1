"""`warm`: has nodes copy a dataset before anybody reads it there."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import click

from moorage import wire
from moorage.errors import ForbiddenError, InputError, KubeError, NotFoundError
from moorage.kube import DATASETS, NODE_CACHES, NODES, PODS, SITES, Client, RawObject
from moorage.kube.client import Selection
from moorage.kube.resources import JOBS
from moorage.model import Dataset, DatasetRef, NodeCache
from moorage.sites import Inventory
from moorage_cli.caches import jobs
from moorage_cli.caches.copies import Copy, Phase, copies, obstacle, whole_nodes
from moorage_cli.caches.drawing import view
from moorage_cli.caches.jobs import Place, Wanted
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.describing import read_sites
from moorage_cli.output import say, sentence
from moorage_cli.running import REFUSED
from moorage_cli.subjects import read_subject
from moorage_cli.waiting import read_timeout

_LOOK_SECONDS = 1.0
_MOST_NODES = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which nodes the options name."""

    count: int | None
    nodes: tuple[str, ...]
    site: str | None


@click.command(short_help="Have nodes copy a dataset before it is read there.")
@click.argument("name", type=DatasetName(), metavar="[NAMESPACE/]NAME")
@click.option("--nodes", "count", type=click.IntRange(1, _MOST_NODES), help="How many nodes [default: 1].")
@click.option("--node", "nodes", multiple=True, metavar="NODE", help="This node; repeat it for more.")
@click.option("--site", help="Nodes of this site: all of them, or as many as --nodes says.")
@click.option("--service-account", default="default", show_default=True, help="The reader's service account.")
@click.option("--purpose", help="The reader's purpose.")
@click.option("--wait/--no-wait", "waits", default=True, show_default=True, help="Wait until the copies are complete.")
@click.option("--timeout", default="1h", show_default=True, help="How long to wait: 30s, 5m, 1h.")
@target_options
@click.pass_context
def warm(  # noqa: PLR0913 - click's way
    context: click.Context,
    /,
    *,
    name: str,
    count: int | None,
    nodes: tuple[str, ...],
    site: str | None,
    service_account: str,
    purpose: str | None,
    waits: bool,
    timeout: str,
) -> int:
    """Make nodes copy a dataset, so that the first pod there reads at disk speed.

    A Job in your namespace (-n) runs a pod on each node, which reads the dataset like your own pods, with an account
    and a purpose. So nothing is copied that the account may not read. The Job is deleted when the copies are complete.
    Nodes that already have a copy count.

    Exit code 0: the copies are complete (or, with --no-wait, requested). 1: refused, or not complete in time.

    \b
    kubectl dataset warm stewards/flights -n delays-team --purpose research
    kubectl dataset warm stewards/flights -n delays-team --purpose research --site eu-1
    kubectl dataset warm flights --node eu-1-n1 --node eu-1-n2 --no-wait
    """  # noqa: D301 - \b is what click needs
    if nodes and (count or site):
        raise click.UsageError("--node names the nodes itself: leave out --nodes and --site")
    seconds, chosen = read_timeout(timeout), Chosen(count, tuple(dict.fromkeys(nodes)), site)

    async def ask(client: Client, namespace: str) -> int:
        wanted = Wanted(
            ref=read_ref(name, namespace),
            namespace=namespace,
            service_account=service_account,
            purpose=purpose,
            marker=secrets.token_hex(4),
        )
        asked = await _ask(client, wanted, chosen)
        for job in asked.jobs:
            say(f"job.batch/{job} created")
        if not waits:
            sentence(asked.hint)
            return 0
        return await _follow(client, asked, seconds)

    return target_of(context).ask(ask)


def read_ref(name: str, namespace: str) -> DatasetRef:
    """A Dataset, as NAMESPACE/NAME or NAME.

    Raises:
        InputError: it is none.
    """
    subject = read_subject(name)
    if subject.resource not in (None, DATASETS):
        raise InputError(name, "NAME", "must be the name of a Dataset")
    return DatasetRef(subject.namespace or namespace, subject.name)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for.

    Attributes:
        wanted: what is to be copied.
        jobs: by name.
        nodes: how many.
        dataset: None where it can't be seen.
    """

    wanted: Wanted
    jobs: tuple[str, ...]
    nodes: int
    dataset: Dataset | None

    @property
    def selection(self) -> Selection:
        """Its Jobs and pods."""
        return Selection(namespace=self.wanted.namespace, labels=f"{jobs.MARKER_LABEL}={self.wanted.marker}")

    @property
    def hint(self) -> str:
        """How to see it, and how to end it."""
        where = f"-n {self.wanted.namespace} -l {self.selection.labels}"
        return f"See it: kubectl get jobs,pods {where}. End it: kubectl delete jobs {where}"


async def _ask(client: Client, wanted: Wanted, chosen: Chosen) -> Asked:
    """Look whether it may be, then make the Jobs.

    Raises:
        KubeError: it is refused; with the sentence that any pod of this reader would get.
    """
    ref, namespace = wanted.ref, wanted.namespace
    dataset = await _dataset(client, ref)
    if dataset is not None and (problem := obstacle(dataset)):
        raise KubeError(f"dataset {ref} {problem}", status=409)
    places = await _places(client, chosen)
    # A name that no registry has: nothing is started of it, as it is created with dryRun.
    trial = jobs.pod_of(wanted, places[0], "moorage.invalid/warm", "Never")
    server = jobs.server_of(await client.create(PODS, jobs.review_of(trial, namespace), dry_run=True))
    if server is None:
        raise KubeError(
            "Moorage's webhook did not serve a pod that asks for the dataset: is Deployment moorage-webhook up?",
            status=503,
        )
    names = []
    for number, place in enumerate(places):
        job = jobs.job_of(wanted, place, jobs.pod_of(wanted, place, *server), number)
        names.append(str((await client.create(JOBS, job))["metadata"]["name"]))
    return Asked(wanted, tuple(names), sum(place.nodes for place in places), dataset)


async def _dataset(client: Client, ref: DatasetRef) -> Dataset | None:
    """The Dataset; None where the person may not see it, and the webhook says what it says to readers."""
    try:
        return wire.read_dataset(await client.get(DATASETS, ref.name, ref.namespace))
    except ForbiddenError:
        return None


async def _places(client: Client, chosen: Chosen) -> list[Place]:
    if chosen.nodes:
        return [Place(name=node) for node in chosen.nodes]
    if chosen.site is None:
        return [Place(chosen.count or 1)]
    inventory = Inventory.of(read_sites(await client.list(SITES)))
    site = inventory.sites.get(chosen.site)
    if site is None:
        known = ", ".join(sorted(inventory.sites)) or "none"
        raise NotFoundError(f"there is no Site {chosen.site} (known Sites: {known})", status=404)
    if chosen.count is not None:
        return [Place(chosen.count, selector=site.node_selector)]
    try:
        nodes = [wire.read_node(raw) for raw in await client.list(NODES)]
    except ForbiddenError as error:
        raise ForbiddenError(f"{error}; say how many nodes of the site instead: --nodes 2", status=403) from error
    there = sorted(node.name for node in nodes if inventory.place_of_node(node).site_name == site.name)
    if not 0 < len(there) <= _MOST_NODES:
        problem = f"Site {site.name} has {len(there)} nodes here, and from 1 to {_MOST_NODES} can be asked at once"
        raise NotFoundError(f"{problem}: give --nodes", status=404)
    return [Place(name=node) for node in there]


async def _follow(client: Client, asked: Asked, seconds: float) -> int:
    """Show the copies until they are whole, or can't be any more, or the time is up; gives the exit code."""
    shown, found = view(), list[Copy]()
    ended = False
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not ended:
                    found, ended = await _look(client, asked)
                    shown.show(found)
                    if not ended:
                        await asyncio.sleep(_LOOK_SECONDS)
    except asyncio.CancelledError:
        shown.close()
        say(f"The nodes go on copying. {asked.hint}", err=True)
        raise
    shown.close()
    whole = whole_nodes(found)
    if len(whole) >= asked.nodes:
        return 0
    have = f"{len(whole)} of {asked.nodes} nodes have all of dataset {asked.wanted.ref}"
    say(f"Error: {have}. {_why(found, asked, ended)}", err=True)
    return REFUSED


def _why(found: Sequence[Copy], asked: Asked, ended: bool) -> str:  # noqa: FBT001 - it is what the loop said
    if not ended:
        return f"The others go on. {asked.hint}"
    failed = {copy.message for copy in found if copy.phase is Phase.FAILED and copy.message}
    return "; ".join(sorted(failed)) or "No other node could take a pod while the first ones copied: ask again."


async def _look(client: Client, asked: Asked) -> tuple[list[Copy], bool]:
    """How far it is, and whether nothing more will come."""
    pods = await client.list(PODS, asked.selection)
    dataset = asked.dataset and (await _dataset(client, asked.wanted.ref) or asked.dataset)
    found = copies(pods, await _caches(client), asked.wanted.ref, dataset, asked.nodes)
    if len(whole_nodes(found)) >= asked.nodes:
        return found, True
    remaining = [job for job in await client.list(JOBS, asked.selection) if not _is_over(job)]
    return found, not remaining


def _is_over(job: RawObject) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(each.get("type") in {"Complete", "Failed"} and each.get("status") == "True" for each in conditions)


async def _caches(client: Client) -> list[NodeCache] | None:
    """What nodes hold; None where the person may not see it."""
    try:
        return [wire.read_node_cache(raw) for raw in await client.list(NODE_CACHES)]
    except (ForbiddenError, NotFoundError):
        return None
