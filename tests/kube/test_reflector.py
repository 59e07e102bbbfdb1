"""Reflectors against a real API server that dies, falls silent, forgets its history, or is faster than we are."""

import asyncio
import base64
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from devcluster import record
from devcluster.cluster import Cluster
from moorage.errors import ForbiddenError, GoneError, InputError, NotFoundError, UnreachableError
from moorage.kube import CONFIG_MAPS, SECRETS, Change, Client, Key, RawObject, Reflector, Resource
from moorage.kube.client import SILENCE_SECONDS, Selection
from moorage.kube.connection import find_config, open_http
from tests.network import Network
from tests.planes import is_ready
from tests.polling import until

WriteConfig = Callable[..., Path]


@dataclass(frozen=True, slots=True)
class Record:
    """What the cache keeps of a ConfigMap."""

    value: str


def project(raw: RawObject) -> Record | None:
    """Refuse some, leave others out."""
    value = (raw.get("data") or {}).get("value", "")
    if value == "refused":
        raise InputError(f"ConfigMap {raw['metadata']['name']}", "data.value", "is refused; write another")
    if value == "strange":
        raise KeyError(value)
    return None if value == "ignored" else Record(value)


def ours(namespace: str) -> Selection:
    """The ConfigMaps of a test; its namespace has another, made by the controllers."""
    return Selection(namespace, labels="app=test")


class Writer:
    """Writes the ConfigMaps that a test follows."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def put(self, name: str, value: str) -> None:
        """Create or change one."""
        metadata = {"namespace": self._namespace, "name": name, "labels": {"app": "test"}}
        await self._client.apply(CONFIG_MAPS, {"metadata": metadata, "data": {"value": value}})

    async def remove(self, name: str) -> None:
        """Delete one."""
        await self._client.delete(CONFIG_MAPS, name, self._namespace)

    def key(self, name: str) -> Key:
        """Its key in the cache."""
        return self._namespace, name


@pytest.fixture
def writer(client: Client, namespace: str) -> Writer:
    """The administrator writes."""
    return Writer(client, namespace)


@asynccontextmanager
async def followed(
    client: Client,
    namespace: str,
    on_change: Callable[[Change[Record]], None] | None = None,
    silence_seconds: float = SILENCE_SECONDS,
) -> AsyncIterator[Reflector[Record]]:
    """A reflector that has its first list."""
    reflector = Reflector(
        client,
        CONFIG_MAPS,
        project=project,
        selection=ours(namespace),
        on_change=on_change,
        silence_seconds=silence_seconds,
    )
    async with reflector:
        await reflector.wait_synced(60)
        yield reflector


async def test_every_change_arrives(client: Client, namespace: str, writer: Writer) -> None:
    """What is there at the start, and what is added, changed and deleted later."""
    await writer.put("a", "1")
    changes: list[Change[Record]] = []
    async with followed(client, namespace, changes.append) as reflector:
        assert dict(reflector.snapshot()) == {writer.key("a"): Record("1")}
        assert reflector.age_seconds < 60
        await writer.put("b", "1")
        await writer.put("a", "2")
        await writer.remove("b")
        await until(lambda: len(changes) == 4)
        assert dict(reflector.snapshot()) == {writer.key("a"): Record("2")}
    a, b = writer.key("a"), writer.key("b")
    assert changes == [
        Change(a, None, Record("1")),
        Change(b, None, Record("1")),
        Change(a, Record("1"), Record("2")),
        Change(b, Record("1"), None),
    ]


async def test_a_snapshot_never_changes(client: Client, namespace: str, writer: Writer) -> None:
    """Whoever holds one reads one state; and it is the same object until something changes."""
    await writer.put("a", "1")
    async with followed(client, namespace) as reflector:
        before = reflector.snapshot()
        assert reflector.snapshot() is before
        await writer.put("a", "2")
        await until(lambda: reflector.snapshot() is not before)
        assert dict(before) == {writer.key("a"): Record("1")}
        assert dict(reflector.snapshot()) == {writer.key("a"): Record("2")}


async def test_a_change_that_makes_no_difference_is_none(client: Client, namespace: str, writer: Writer) -> None:
    """Labels, status, managed fields: what the projection does not see wakes nobody."""
    changes: list[Change[Record]] = []
    async with followed(client, namespace, changes.append) as reflector:
        await writer.put("a", "1")
        await until(lambda: len(changes) == 1)
        held = reflector.snapshot()
        metadata = {"namespace": namespace, "name": "a", "annotations": {"x": "y"}}
        await client.merge_patch(CONFIG_MAPS, {"metadata": metadata})
        await writer.put("b", "1")
        await until(lambda: len(changes) == 2)
        assert changes[1].key == writer.key("b")
        assert dict(held) == {writer.key("a"): Record("1")}


async def test_an_object_that_is_refused_is_a_problem_and_no_obstacle(
    client: Client, namespace: str, writer: Writer
) -> None:
    """It leaves the snapshot, stands in the problems with its reason, and comes back when it is mended."""
    await writer.put("a", "refused")
    async with followed(client, namespace) as reflector:
        await writer.put("b", "1")
        await writer.put("c", "strange")
        await writer.put("d", "ignored")
        await writer.put("e", "1")
        await until(lambda: writer.key("e") in reflector.snapshot())
        assert set(reflector.snapshot()) == {writer.key("b"), writer.key("e")}
        problems = reflector.problems
        assert set(problems) == {writer.key("a"), writer.key("c")}
        assert problems[writer.key("a")].error.field == "data.value"
        await writer.put("b", "refused")
        await until(lambda: writer.key("b") in reflector.problems)
        assert writer.key("b") not in reflector.snapshot()
        await writer.put("a", "mended")
        await writer.remove("c")
        await until(lambda: set(reflector.problems) == {writer.key("b")})
        assert reflector.snapshot()[writer.key("a")] == Record("mended")


async def test_a_listener_that_fails_harms_nobody(client: Client, namespace: str, writer: Writer) -> None:
    """The cache goes on, and so does the listener at the next change."""
    heard: list[Key] = []

    def listen(change: Change[Record]) -> None:
        heard.append(change.key)
        raise RuntimeError

    async with followed(client, namespace, listen) as reflector:
        await writer.put("a", "1")
        await writer.put("b", "1")
        await until(lambda: len(heard) == 2)
        assert len(reflector.snapshot()) == 2


async def test_the_last_good_state_outlives_the_api_server(
    plane: Cluster, client: Client, namespace: str, writer: Writer
) -> None:
    """While it is dead, reads go on and the age is told; afterwards nothing is missed."""
    await writer.put("a", "1")
    async with followed(client, namespace) as reflector:
        await until(lambda: reflector.age_seconds == 0)
        plane.stop_component("kube-apiserver", grace_seconds=0)
        try:
            await until(lambda: reflector.age_seconds > 0.5)
            assert reflector.snapshot()[writer.key("a")] == Record("1")
            assert isinstance(reflector.last_error, UnreachableError)
        finally:
            plane.start_component("kube-apiserver")
        await until(lambda: is_ready(client))
        await writer.put("a", "2")
        await until(lambda: reflector.snapshot()[writer.key("a")] == Record("2"))
        assert reflector.age_seconds == 0
        assert reflector.last_error is None


async def test_a_silent_connection_is_noticed(
    namespace: str, writer: Writer, network: Network, kubeconfig: WriteConfig
) -> None:
    """A machine that is lost sends no farewell: after enough silence the watch is taken for dead."""
    async with (
        Client.from_environment(kubeconfig(cluster={"server": network.url})) as remote,
        followed(remote, namespace, silence_seconds=1) as reflector,
    ):
        await until(lambda: reflector.age_seconds == 0)
        network.freeze()
        await writer.put("a", "1")
        await until(lambda: isinstance(reflector.last_error, UnreachableError))
        assert reflector.age_seconds > 0
        network.restore()
        await until(lambda: writer.key("a") in reflector.snapshot())


async def test_having_nothing_to_say_is_no_outage(plane: Cluster, namespace: str, writer: Writer) -> None:
    """A watch that is only quiet is opened anew, again and again, and nobody is told anything else."""
    http = open_http(find_config(plane.kubeconfig_path))
    opened = 0
    lost: list[str] = []

    async def count(request: httpx.Request) -> None:
        nonlocal opened
        opened += "watch" in request.url.params

    http.event_hooks = {"request": [count]}
    async with Client(http) as client, followed(client, namespace, silence_seconds=0.2) as reflector:

        def is_opened_often() -> bool:
            if opened and reflector.last_error is not None:
                lost.append(str(reflector.last_error))
            return opened > 4

        await until(is_opened_often)
        await writer.put("a", "1")
        await until(lambda: writer.key("a") in reflector.snapshot())
        assert not lost


async def test_a_server_that_forgot_our_version_is_listed_again(  # noqa: PLR0913, PLR0917 - all fixtures
    plane: Cluster, client: Client, namespace: str, writer: Writer, network: Network, kubeconfig: WriteConfig
) -> None:
    """What was deleted and changed unseen is found out, and told as changes."""
    for name in ("kept", "changed", "deleted"):
        await writer.put(name, "1")
    changes: list[Change[Record]] = []
    async with (
        Client.from_environment(kubeconfig(cluster={"server": network.url})) as remote,
        followed(remote, namespace, changes.append) as reflector,
    ):
        await until(lambda: reflector.age_seconds == 0)
        changes.clear()
        network.cut()
        await until(lambda: reflector.age_seconds > 0)
        version = (await client.get(CONFIG_MAPS, "kept", namespace))["metadata"]["resourceVersion"]
        await writer.put("changed", "2")
        await writer.remove("deleted")
        await writer.put("new", "1")
        # A restarted API server remembers no change from before its start.
        plane.stop_component("kube-apiserver", grace_seconds=0)
        plane.start_component("kube-apiserver")
        await until(lambda: is_ready(client))
        with pytest.raises(GoneError):
            await first_event(client, version)
        network.restore()
        await until(lambda: reflector.age_seconds == 0)
        assert {key[1]: record.value for key, record in reflector.snapshot().items()} == {
            "kept": "1",
            "changed": "2",
            "new": "1",
        }
        assert {change.key[1] for change in changes} == {"changed", "deleted", "new"}


async def test_a_list_that_outlives_etcds_history_starts_again(
    plane: Cluster, client: Client, namespace: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages the server forgets: lists and caches are complete all the same, and in pages all the same."""
    for number in range(3):
        await writer.put(f"m{number}", "1")
    http = open_http(find_config(plane.kubeconfig_path))
    forgotten, most = 0, 1
    asked: list[httpx.URL] = []

    async def forget(request: httpx.Request) -> None:
        nonlocal forgotten
        asked.append(request.url)
        if "continue" in request.url.params and forgotten < most:
            forgotten += 1
            await writer.put("m9", str(forgotten))
            await compact(plane)
            # The API server's own memory would still have that version.
            plane.stop_component("kube-apiserver", grace_seconds=0)
            plane.start_component("kube-apiserver")
            await until(lambda: is_ready(client))

    http.event_hooks = {"request": [forget]}
    async with Client(http) as remote:
        assert len(await remote.list(CONFIG_MAPS, ours(namespace), size=1)) == 4
        assert forgotten == 1
        most = 2
        monkeypatch.setattr("moorage.kube.reflector.PAGE_SIZE", 1)
        async with followed(remote, namespace) as reflector:
            assert forgotten == 2
            assert reflector.snapshot()[writer.key("m9")] == Record("2")
            assert len(reflector.snapshot()) == 4
    lists = [url for url in asked if "watch" not in url.params]
    assert {url.params.get("limit") for url in lists} == {"1"}


async def test_a_consumer_slower_than_the_server_loses_nothing(client: Client, namespace: str, writer: Writer) -> None:
    """The server hangs up on whoever does not read; the reflector takes it up where it was."""
    blocked = False

    def stall(change: Change[Record]) -> None:
        if blocked and change.after and change.after.value.startswith("0"):
            time.sleep(0.2)

    payload = "x" * 100_000
    async with followed(client, namespace, stall) as reflector:
        blocked = True
        for round_number in range(4):
            await asyncio.gather(*(writer.put(f"m{n}", f"{n % 5}{round_number}{payload}") for n in range(40)))
        blocked = False

        def complete() -> bool:
            values = {key[1]: record.value[:2] for key, record in reflector.snapshot().items()}
            return values == {f"m{n}": f"{n % 5}3" for n in range(40)}

        await until(complete)


async def test_the_cache_holds_records_and_not_raw_objects(client: Client, namespace: str, writer: Writer) -> None:
    """Memory follows the projection: 400 objects of 20 kB, of which two letters are kept each."""
    padding = "x" * 20_000
    for number in range(400):
        await writer.put(f"m{number:03}", f"{number % 10}{padding}")

    def short(raw: RawObject) -> Record:
        return Record(raw["data"]["value"][:1])

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        async with Reflector(client, CONFIG_MAPS, project=short, selection=ours(namespace)) as reflector:
            await reflector.wait_synced(60)
            assert len(reflector.snapshot()) == 400
            kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < 400 * len(padding) / 4


async def test_metadata_alone_is_sent_where_no_more_is_read(client: Client, namespace: str, writer: Writer) -> None:
    """The list and the watch bring labels and no data, and the objects still say what they are."""
    await writer.put("listed", "a")
    seen: dict[str, RawObject] = {}

    def keep(raw: RawObject) -> str:
        name = raw["metadata"]["name"]
        seen[name] = raw
        return f"{raw['apiVersion']} {raw['kind']} {raw['metadata']['labels']['app']} {raw.get('data')}"

    following = Reflector(client, CONFIG_MAPS, project=keep, selection=ours(namespace), metadata_only=True)
    async with following:
        await following.wait_synced(10)
        await writer.put("watched", "b")
        await until(lambda: "watched" in seen)
        assert set(following.snapshot().values()) == {"v1 ConfigMap test None"}
        assert set(seen) == {"listed", "watched"}


async def test_what_may_not_be_listed_is_told(namespace: str, kubeconfig: WriteConfig) -> None:
    """The reflector tries on, and whoever waits learns why."""
    config = kubeconfig(user={"token": "nonsense"})
    async with (
        Client.from_environment(config) as nobody,
        Reflector(nobody, SECRETS, project=lambda raw: raw["kind"], selection=Selection(namespace)) as reflector,
    ):
        await until(lambda: reflector.last_error is not None)
        with pytest.raises(ForbiddenError):
            await reflector.wait_synced(0.01)
        assert not reflector.synced.is_set()


async def test_a_resource_that_is_not_served_yet_is_waited_for(client: Client) -> None:
    """CRDs may come after us."""
    nothing = Resource("moorage.test", "v1", "things", "Thing")
    async with Reflector(client, nothing, project=lambda raw: raw["kind"]) as reflector:
        await until(lambda: isinstance(reflector.last_error, NotFoundError))


async def first_event(client: Client, version: str) -> RawObject:
    """What a watch from this version begins with."""
    async with client.watch(CONFIG_MAPS, version) as events:
        return await anext(events)


async def compact(plane: Cluster) -> None:
    """Have etcd forget its history, through its own API."""
    pki = plane.state_dir / "pki"
    context = ssl.create_default_context(cafile=pki / "etcd-ca.crt")
    context.load_cert_chain(pki / "apiserver-etcd-client.crt", pki / "apiserver-etcd-client.key")
    async with httpx.AsyncClient(verify=context, trust_env=False, base_url=etcd_url(plane)) as etcd:
        everything = {"key": base64.b64encode(b"\0").decode(), "limit": 1}
        answer = await etcd.post("/v3/kv/range", json=everything)
        revision = answer.json()["header"]["revision"]
        answer = await etcd.post("/v3/kv/compaction", json={"revision": revision, "physical": True})
        assert answer.status_code == 200, answer.text


def etcd_url(plane: Cluster) -> str:
    """Where the plane's etcd listens."""
    known = record.read(plane.name)
    assert known is not None
    return f"https://{known.addresses.loopback}:2379"
