"""Keepers against a real API server: replicas race, and certificates change under open connections and callers."""

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from devcluster.cluster import Cluster
from moorage.errors import KubeError, UnreachableError
from moorage.kube import CONFIG_MAPS, MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Client, RawObject
from moorage.serving.keeper import Keeper, Place
from moorage.serving.publishers import ConfigMapPublisher, Publisher, WebhookPublisher
from moorage.serving.rotation import Plan
from moorage.serving.run import Listener, serve
from tests.network import Network
from tests.polling import until

DAY = timedelta(days=1)
# By day: leaves at 0, 20, 40, 60, 80 of the first CA; at 80 the second CA; at 100 a leaf of the second; at 120 only it.
PLAN = Plan(("localhost", "127.0.0.1"), authority_life=120 * DAY, leaf_life=30 * DAY, grace=1 * DAY)
# TLS libraries have clocks of their own. The leaves of day 80 and of day 100 are both valid at day 105: that is now.
TODAY = 105


StartServer = Callable[[ssl.SSLContext], Awaitable[int]]


class Clock:
    """A clock that goes on when it is told."""

    def __init__(self) -> None:
        self._start = datetime.now(tz=UTC) - TODAY * DAY
        self.day = 0.0

    def __call__(self) -> datetime:
        """Tell the time."""
        return self._start + self.day * DAY


@pytest.fixture
def clock() -> Clock:
    """The keepers' clock."""
    return Clock()


@pytest.fixture
def make_keeper(client: Client, namespace: str, clock: Clock) -> Callable[..., Keeper]:
    """Make replicas of one server's keeper."""

    def make(publisher: Publisher | None = None, client: Client = client) -> Keeper:
        published = publisher or ConfigMapPublisher(client, namespace, "server-ca")
        return Keeper(client, Place(namespace, "server-tls"), published, PLAN, pause_seconds=0.1, now=clock)

    return make


async def read_bundle(client: Client, namespace: str) -> str:
    """What a client mounts."""
    bundle: str = (await client.get(CONFIG_MAPS, "server-ca", namespace))["data"]["ca.crt"]
    return bundle


async def greet(port: int, bundle: str) -> str:
    """Connect as a client that trusts this bundle; the fingerprint of who answers."""
    _, writer = await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context(cadata=bundle))
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return hashlib.sha256(der).hexdigest()


async def pass_days(clock: Clock, keeper: Keeper, until_day: int) -> None:
    """Live on, a pass every day."""
    while clock.day < until_day:
        clock.day += 1
        await keeper.renew()


@pytest.fixture
async def echo() -> AsyncIterator[StartServer]:
    """Start a TLS server that gives back every line."""
    servers: list[asyncio.Server] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    async def start(context: ssl.SSLContext) -> int:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()


async def test_racing_replicas_agree(client: Client, namespace: str, make_keeper: Callable[..., Keeper]) -> None:
    """Eight start at once: one CA, one leaf, and it is published."""
    keepers = [make_keeper() for _ in range(8)]
    await asyncio.gather(*(keeper.renew() for keeper in keepers))
    for keeper in keepers:
        await keeper.renew()  # the publication is noted once, by whoever sees it first
    await keepers[0].renew()
    assert len({keeper.state.bundle for keeper in keepers}) == 1
    assert len({keeper.state.leaf for keeper in keepers}) == 1
    assert [keeper.problem() for keeper in keepers] == [None] * 8
    secret = await client.get(SECRETS, "server-tls", namespace)
    assert base64.b64decode(secret["data"]["ca.crt"]).decode() == await read_bundle(client, namespace)


async def test_an_empty_secret_is_filled(client: Client, namespace: str, make_keeper: Callable[..., Keeper]) -> None:
    """The chart makes it with labels, so that we need no right to create Secrets; they stay."""
    metadata = {"namespace": namespace, "name": "server-tls", "labels": {"made": "by-chart"}}
    await client.create(SECRETS, {"metadata": metadata})
    keeper = make_keeper()
    await keeper.renew()
    assert keeper.problem() is None
    assert (await client.get(SECRETS, "server-tls", namespace))["metadata"]["labels"] == {"made": "by-chart"}


async def test_nothing_is_written_where_nothing_is_due(
    client: Client, namespace: str, make_keeper: Callable[..., Keeper]
) -> None:
    """A pass over a settled state leaves Secret and bundle untouched."""
    keeper = make_keeper()
    for _ in range(2):
        await keeper.renew()
    before = [await client.get(SECRETS, "server-tls", namespace), await client.get(CONFIG_MAPS, "server-ca", namespace)]
    await make_keeper().renew()
    await keeper.renew()
    after = [await client.get(SECRETS, "server-tls", namespace), await client.get(CONFIG_MAPS, "server-ca", namespace)]
    assert before == after


async def test_the_certificate_changes_under_open_connections(
    client: Client,
    namespace: str,
    clock: Clock,
    make_keeper: Callable[..., Keeper],
    echo: StartServer,
) -> None:
    """New handshakes get the new leaf, the open connection goes on, and the old bundle trusts both."""
    keeper = make_keeper()
    await keeper.renew()
    await pass_days(clock, keeper, 99)
    port = await echo(keeper.context)
    bundle = await read_bundle(client, namespace)
    first = await greet(port, bundle)
    reader, writer = await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context(cadata=bundle))
    await pass_days(clock, keeper, TODAY)
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"
    writer.close()
    second = await greet(port, bundle)
    assert second != first
    assert keeper.state.leaf is not None
    assert second == keeper.state.leaf.certificate.fingerprint


async def test_a_client_of_another_ca_is_lost(
    client: Client, namespace: str, clock: Clock, make_keeper: Callable[..., Keeper], echo: StartServer
) -> None:
    """The check of the check: without the overlap, a client does notice."""
    keeper = make_keeper()
    clock.day = TODAY
    await keeper.renew()
    port = await echo(keeper.context)
    bundle = await read_bundle(client, namespace)
    await greet(port, bundle)
    await client.delete(SECRETS, "server-tls", namespace)
    await keeper.renew()
    with pytest.raises(ssl.SSLCertVerificationError):
        await greet(port, bundle)
    await greet(port, await read_bundle(client, namespace))


async def test_all_replicas_serve_one_new_leaf(clock: Clock, make_keeper: Callable[..., Keeper]) -> None:
    """Whoever renews first, the others load what it made."""
    keepers = [make_keeper() for _ in range(4)]
    for keeper in [*keepers, *keepers]:
        await keeper.renew()
    first = keepers[0].state.leaf
    clock.day += 21
    await asyncio.gather(*(keeper.renew() for keeper in keepers))
    assert {keeper.state.leaf for keeper in keepers} != {first}
    assert len({keeper.state.leaf for keeper in keepers}) == 1


async def test_a_whole_life_passes_without_a_gap(
    client: Client, namespace: str, clock: Clock, make_keeper: Callable[..., Keeper]
) -> None:
    """Two replicas through two CA lives, day by day: the published bundle always has the leaf's CA, and old ones go."""
    keepers = [make_keeper(), make_keeper()]
    signers = set()
    for day in range(250):
        keeper = keepers[day % 2]
        await keeper.renew()
        assert keeper.problem() is None
        leaf = keeper.state.leaf
        assert leaf is not None
        signers.add(leaf.certificate.issuer_key_id)
        assert len(keeper.state.authorities) <= 2
        clock.day += 1
    assert len(signers) >= 3
    assert (await read_bundle(client, namespace)).count("BEGIN CERTIFICATE") <= 2


async def test_a_bundle_that_somebody_overwrote_is_mended(
    client: Client, namespace: str, make_keeper: Callable[..., Keeper]
) -> None:
    """And what else stands in the ConfigMap is left alone."""
    keeper = make_keeper()
    await keeper.renew()
    bundle = await read_bundle(client, namespace)
    metadata = {"namespace": namespace, "name": "server-ca"}
    await client.merge_patch(CONFIG_MAPS, {"metadata": metadata, "data": {"ca.crt": "rubbish", "other": "x"}})
    await keeper.renew()
    found = await client.get(CONFIG_MAPS, "server-ca", namespace)
    assert found["data"] == {"ca.crt": bundle, "other": "x"}


async def test_a_damaged_secret_is_made_anew(
    client: Client, namespace: str, make_keeper: Callable[..., Keeper], caplog: pytest.LogCaptureFixture
) -> None:
    """Loudly, and without a word of what lay in it."""
    keeper = make_keeper()
    await keeper.renew()
    metadata = {"namespace": namespace, "name": "server-tls"}
    await client.merge_patch(SECRETS, {"metadata": metadata, "data": {"authorities.json": "c2VjcmV0"}})
    await keeper.renew()
    await keeper.renew()
    assert keeper.problem() is None
    assert "damaged" in caplog.text
    assert "c2VjcmV0" not in caplog.text


async def test_it_runs_in_the_background(
    client: Client, namespace: str, clock: Clock, make_keeper: Callable[..., Keeper]
) -> None:
    """Until the block is left; a Secret that is deleted comes back."""
    async with make_keeper() as keeper:
        assert keeper.problem() is None
        first = keeper.state.leaf
        clock.day += 21
        await until(lambda: keeper.state.leaf != first)
        await client.delete(SECRETS, "server-tls", namespace)
        second = keeper.state.leaf
        await until(lambda: keeper.state.leaf != second and keeper.problem() is None)


async def test_it_serves_on_while_the_api_server_is_away(
    plane: Cluster, namespace: str, client: Client, make_keeper: Callable[..., Keeper]
) -> None:
    """What is loaded stays loaded; a start without an API server waits for it, unready."""
    host, _, port = client.address.removeprefix("https://").partition(":")
    async with Network(host, int(port)) as network, remote_client(plane, network) as remote:
        publisher = ConfigMapPublisher(remote, namespace, "server-ca")
        keeper = make_keeper(publisher, remote)
        network.cut()
        with pytest.raises(UnreachableError):
            await keeper.renew()
        async with make_keeper(publisher, remote) as keeper:
            assert keeper.problem() == "there is no certificate yet"
            network.restore()
            await until(lambda: keeper.problem() is None)
            network.cut()
            with pytest.raises(UnreachableError):
                await keeper.renew()
            assert keeper.problem() is None  # what was published has not gone because we can't see it


@contextlib.asynccontextmanager
async def remote_client(plane: Cluster, network: Network) -> AsyncIterator[Client]:
    """The administrator, through a network that can be cut."""
    text = plane.kubeconfig_path.read_text()
    async with Client.from_environment(plane.kubeconfig_path) as direct:
        path = plane.state_dir / f"through-{network.url.rpartition(':')[2]}.kubeconfig"
        path.write_text(text.replace(direct.address, network.url))
    async with Client.from_environment(path) as client:
        yield client
    path.unlink()


def webhook(port: int, namespace: str, name: str) -> RawObject:
    """One webhook of a configuration, for the ConfigMaps of a namespace."""
    return {
        "name": name,
        "clientConfig": {"url": f"https://localhost:{port}/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
    }


async def admit(request: web.Request) -> web.Response:
    """Allow everything, once for each connection: the next question needs a new handshake."""
    uid = (await request.json())["request"]["uid"]
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    answer = web.json_response({**review, "response": {"uid": uid, "allowed": True}})
    answer.force_close()
    return answer


async def test_the_api_server_trusts_a_webhook_through_its_rotation(
    client: Client, namespace: str, clock: Clock, make_keeper: Callable[..., Keeper]
) -> None:
    """Real admission calls from the last days of the first CA to the leaf of the second, none refused."""
    configurations = ((MUTATING_WEBHOOKS, namespace), (VALIDATING_WEBHOOKS, namespace))
    keeper = make_keeper(WebhookPublisher(client, configurations))
    await keeper.renew()
    assert keeper.problem() == "the CA is not published yet"  # the chart has not made the configurations yet
    app = web.Application()
    app.router.add_post("/", admit)
    async with serve(app, Listener(host="127.0.0.1", port=0, tls=keeper.context)) as port:
        entries = [webhook(port, namespace, f"{name}.moorage.dev") for name in ("a", "b")]
        try:
            for resource, name in configurations:
                await client.create(resource, {"metadata": {"name": name}, "webhooks": entries})
            await keeper.renew()
            assert keeper.problem() is None
            await pass_days(clock, keeper, 90)
            await until(lambda: is_admitted(client, namespace))
            signers = set()
            while clock.day < TODAY:
                await pass_days(clock, keeper, int(clock.day) + 1)
                await create_something(client, namespace)
                assert keeper.state.leaf is not None
                signers.add(keeper.state.leaf.certificate.issuer_key_id)
            assert len(signers) == 2
            for resource, name in configurations:
                found = await client.get(resource, name)
                bundles = {entry["clientConfig"]["caBundle"] for entry in found["webhooks"]}
                assert bundles == {base64.b64encode(keeper.state.bundle).decode()}
        finally:
            for resource, name in configurations:
                await client.delete(resource, name)


async def create_something(client: Client, namespace: str) -> None:
    """Make a ConfigMap, so that the webhook is asked."""
    await client.create(CONFIG_MAPS, {"metadata": {"namespace": namespace, "generateName": "x-"}})


async def is_admitted(client: Client, namespace: str) -> bool:
    """Whether the API server trusts the webhook; it reads a changed bundle a moment later."""
    try:
        await create_something(client, namespace)
    except KubeError:
        return False
    return True
