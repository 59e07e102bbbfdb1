"""The real broker answers the real node plugin's client, over TLS, with a real API server behind: one contract."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from moorage.caching import CacheMode, CachePolicy
from moorage.errors import BrokerError
from moorage.grants.grant import Grant
from moorage.grants.neighbours import Neighbour, Neighbourhood, Pass
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.grants.review import Review
from moorage.grants.standing import Standing
from moorage.model import SITE_LABEL, CachedDataset, DatasetRef, NodeCache
from moorage.refusal import DENIED, NOT_FOUND, NOT_POSSIBLE, Refusal
from moorage.serving.certificates import read_certificates
from moorage.serving.context import load_pair, make_server_context
from moorage.sources import Credentials, Location
from moorage.sources.host_path import HostPathSource
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source
from moorage.wire import write_node_cache
from node_plugin.broker import HttpsBroker
from tests.dataset_operator.brokers import Broker, Raw, dataset, mounting, plugin_pod, token
from tests.dataset_operator.processes import SYSTEM
from tests.dataset_operator.stores import STEWARD
from tests.polling import until
from tests.world import World


def client(served: Broker, folder: Path, proof: str, server_name: str = f"moorage-broker.{SYSTEM}.svc") -> HttpsBroker:
    """The node plugin's client, with its files as the kubelet and the ConfigMap would bring them."""
    (folder / "ca.crt").write_text(served.authorities())
    (folder / "token").write_text(f"{proof}\n")
    url = f"https://127.0.0.1:{served.port}"
    return HttpsBroker(url=url, server_name=server_name, ca_file=folder / "ca.crt", token_file=folder / "token")


def question_of(asked: Raw) -> GrantQuestion:
    """The same question as a record."""
    pod, named = asked["pod"], asked["dataset"]
    return GrantQuestion(
        PodIdentity(pod["namespace"], pod["name"], pod["uid"]), DatasetRef(named["namespace"], named["name"])
    )


async def test_a_grant(world: World, broker: Broker, tmp_path: Path) -> None:
    """Every field arrives as the record that the broker had."""
    asked = question_of(mounting(world, "meets-grant"))
    grant = await client(broker, tmp_path, token(world)).ask(asked)
    assert isinstance(grant, Grant), grant
    raw = world.get("dataset", "claims", world.steward)
    stored = raw["spec"]["sources"][0]["s3"]
    assert grant == Grant(
        location=S3Source(stored["endpoint"], stored["bucket"], "claims", region=stored.get("region")),
        local=True,
        credentials=Credentials(STEWARD.access_key_id, STEWARD.secret_access_key),
        cache=CachePolicy(CacheMode.ALWAYS, 2**30),
        site=world.eu,
        source_site=world.eu,
        version=grant.version,
        fill=grant.fill,
        uid=raw["metadata"]["uid"],
    )


async def test_a_grant_tells_of_the_reads_of_its_site(world: World, broker: Broker, tmp_path: Path) -> None:
    """Of other pods there, each once however often it is asked for; another site has reads of its own."""
    world.apply(world.dataset("shared", world.eu))
    world.set_status("dataset", "shared", {"version": "a" * 64, "bytes": 10}, world.steward)
    pods = {"one": "eu-a", "two": "eu-a", "three": "eu-a", "four": "us-a"}
    asked = {name: question_of(mounting(world, f"shared-{name}", node, "shared")) for name, node in pods.items()}
    told = []
    for name in ("one", "one", "two", "three", "four"):
        asking = client(broker, tmp_path, token(world, node=pods[name]))

        async def is_told(asking: HttpsBroker = asking, question: GrantQuestion = asked[name]) -> bool:
            grant = await asking.ask(question)
            if not isinstance(grant, Grant) or grant.fill is None:
                return False  # the broker has not seen the Dataset and its status yet
            told.append(grant.fill.site_reads)
            return True

        await until(is_told)
    assert told == [0, 0, 1, 2, 0]


async def test_what_may_stay_on_a_node(world: World, broker: Broker, tmp_path: Path) -> None:
    """Until the steward keeps it elsewhere, or deletes it; without a watch, by asking again."""
    raw = world.dataset("held", world.eu, residency=["EU"])
    world.apply(raw)
    world.set_status("dataset", "held", {"version": "a" * 64, "bytes": 10}, world.steward)
    asking, ref = client(broker, tmp_path, token(world)), DatasetRef(world.steward, "held")

    async def told(rule: str) -> Standing | None:
        found = (await asking.ask_standing([ref]))[ref]
        return found if found.rule == rule and (rule or found.version) else None

    uid = world.get("dataset", "held", world.steward)["metadata"]["uid"]
    assert await eventually_told(told, "") == Standing(
        ref=ref, version="a" * 64, size_bytes=10, far_seconds=0.0, mode=CacheMode.AUTO, uid=uid
    )
    raw["spec"]["governance"]["residency"] = ["US"]
    world.apply(raw)
    assert "US" in (await eventually_told(told, "ResidencyViolated")).message
    assert {"dataset": str(ref), "node": world.node("eu-a"), "event": "evicted"}.items() <= broker.audits()[-1].items()
    world.kubectl("delete", "dataset", "held", "-n", world.steward)
    await eventually_told(told, "DatasetUnknown")


async def test_the_neighbours_of_a_node(world: World, broker: Broker, tmp_path: Path) -> None:
    """From NodeCaches of its site; passes are signed by the authority that node plugins know, for what it may hold."""
    raw = world.dataset("near", world.eu, residency=["EU"])
    world.apply(raw)
    world.set_status("dataset", "near", {"version": "a" * 64, "bytes": 10}, world.steward)
    ref = DatasetRef(world.steward, "near")
    for node, size_bytes in (("eu-b", 10), ("us-a", 10)):
        cache = NodeCache(world.node(node), (CachedDataset(ref, "a" * 64, size_bytes),), address="10.0.0.7:9809")
        body = write_node_cache(cache)
        world.apply(body)
        world.set_status("nodecache", cache.node, body["status"])
    asking = client(broker, tmp_path, token(world))
    here, there = (question_of(mounting(world, f"near-{node}", node, "near")) for node in ("eu-a", "us-a"))
    wanted = Neighbourhood(neighbours=(Neighbour(world.node("eu-b"), "10.0.0.7:9809", whole=True),), others=1)

    async def told() -> bool:
        return await asking.ask_neighbours(here) == wanted

    await until(told)
    reading, serving = await asking.ask_pass(here), await asking.ask_pass(None)
    assert isinstance(reading, Pass)
    assert isinstance(serving, Pass)
    authority = read_certificates(broker.authorities().encode())[-1]
    for made in (reading, serving):
        load_pair(make_server_context(), made.certificate.encode(), made.key.encode())
        assert read_certificates(made.certificate.encode())[0].issuer_key_id == authority.key_id
    abroad = client(broker, tmp_path, token(world, node="us-a"))
    for refused in (await abroad.ask_neighbours(there), await abroad.ask_pass(there)):
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.reason) == (DENIED, "ResidencyViolated")
    world.kubectl("delete", "nodecache", world.node("eu-b"), world.node("us-a"))


async def eventually_told(told: Callable[[str], Awaitable[Standing | None]], rule: str) -> Standing:
    """The standing, once the broker has seen the change."""
    found: list[Standing] = []

    async def look() -> bool:
        standing = await told(rule)
        found.extend([standing] if standing is not None else [])
        return bool(found)

    await until(look)
    return found[0]


@pytest.mark.parametrize("revocation", ["Immediate", "AtPodEnd"])
async def test_which_mounts_must_end(world: World, broker: Broker, tmp_path: Path, revocation: str) -> None:
    """Once the steward takes the purpose away, and only where mounts are to end at once; with a line of evidence."""
    name = f"ends-{revocation.lower()}"
    raw = dataset(world, name)
    raw["spec"]["revocation"] = revocation
    world.apply(raw)
    asked = question_of(mounting(world, name, asked=name))
    asking = client(broker, tmp_path, token(world))

    async def granted() -> bool:
        return isinstance(await asking.ask(asked), Grant)

    await until(granted)
    assert await asking.ask_reviews([asked]) == [Review(asked)]
    raw["spec"]["governance"]["purposes"] = ["billing"]
    world.apply(raw)

    async def refused() -> bool:
        return isinstance(await asking.ask(asked), Refusal)

    await until(refused)
    (found,) = await asking.ask_reviews([asked])
    assert (found.rule == "PurposeNotAllowed") is (revocation == "Immediate")
    told = {"event": "revoked", "dataset": str(asked.dataset), "pod": str(asked.pod), "rule": "PurposeNotAllowed"}
    assert any(told.items() <= line.items() for line in broker.audits()) is (revocation == "Immediate")
    nobody = GrantQuestion(PodIdentity(asked.pod.namespace, "nobody", "no-such-uid"), asked.dataset)
    assert await asking.ask_reviews([nobody]) == [Review(nobody)]


async def test_a_stranger_learns_of_no_standing(world: World, broker: Broker, tmp_path: Path) -> None:
    """Only a node plugin with its node's token is answered."""
    stranger = client(broker, tmp_path, token(world, account="other", bound=False))
    with pytest.raises(BrokerError, match="401"):
        await stranger.ask_standing([DatasetRef(world.steward, "claims")])


@pytest.mark.parametrize("location", [NfsSource("nfs.test", "/export"), HostPathSource("/srv/data")])
async def test_kinds_that_the_node_serves(
    world: World,
    broker: Broker,
    tmp_path: Path,
    location: Location,
) -> None:
    """No keys are asked for, and none come."""
    name = f"meets-{location.kind.lower()}"
    raw = dataset(world, name)
    raw["spec"]["sources"] = [{"site": world.eu, location.kind: location.write()}]
    world.apply(raw)
    asked = question_of(mounting(world, name, asked=name))
    plugin = client(broker, tmp_path, token(world))
    grant = await plugin.ask(asked)
    for _ in range(50):
        if isinstance(grant, Grant):
            break
        grant = await plugin.ask(asked)  # the broker's watch has not brought it yet
    assert isinstance(grant, Grant), grant
    assert (grant.location, grant.local, grant.credentials) == (location, True, None)


async def test_each_refusal(world: World, broker: Broker, tmp_path: Path) -> None:
    """By a rule, for a pod that is not there, and for one that is no longer the one."""
    plugin = client(broker, tmp_path, token(world))
    asked = question_of(mounting(world, "meets-refusals"))
    world.kubectl("label", "pod", "meets-refusals", "-n", world.reader, "moorage.dev/purpose-")
    denied = await plugin.ask(asked)
    assert isinstance(denied, Refusal)
    assert (denied.code, denied.reason) == (DENIED, "PurposeMissing")
    assert f"{world.steward}/claims" in denied.message
    gone = PodIdentity(world.reader, "meets-nobody", "uid")
    assert await plugin.ask(GrantQuestion(gone, asked.dataset)) == Refusal(NOT_FOUND, "", f"pod {gone} does not exist")
    other = PodIdentity(world.reader, "meets-refusals", "another-uid")
    answer = await plugin.ask(GrantQuestion(other, asked.dataset))
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.reason) == (NOT_POSSIBLE, "")
    assert "is no longer the one" in answer.message


async def test_a_token_that_nobody_vouches_for_is_no_decision(
    world: World,
    broker: Broker,
    tmp_path: Path,
) -> None:
    """401: the kubelet tries again, as tokens are renewed; nothing is refused."""
    asked = question_of(mounting(world, "meets-401"))
    with pytest.raises(BrokerError, match="does not accept this node plugin's token"):
        await client(broker, tmp_path, "x.y.z").ask(asked)


async def test_a_broker_that_can_not_decide_is_no_decision(
    world: World,
    broker: Broker,
    tmp_path: Path,
) -> None:
    """503: a node that the broker's watch does not know; the kubelet tries again."""
    raw: Raw = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": world.node("eu-gone")}}
    raw["metadata"]["labels"] = {SITE_LABEL: world.eu}
    world.apply(raw)
    world.apply(plugin_pod(world, "eu-gone"))
    asked, proof = question_of(mounting(world, "meets-503", node="eu-gone")), token(world, node="eu-gone")
    world.kubectl("delete", "node", world.node("eu-gone"))
    plugin = client(broker, tmp_path, proof)
    told: list[str] = []
    for _ in range(100):
        try:
            await plugin.ask(asked)
        except BrokerError as error:
            told.append(str(error))
            break
    assert told
    assert "can't decide now (HTTP 503)" in told[0]
    assert "is not in the cache yet" in told[0]
    assert "the kubelet tries again by itself" in told[0]


async def test_a_broker_under_another_name_is_not_believed(
    world: World,
    broker: Broker,
    tmp_path: Path,
) -> None:
    """The certificate must be the broker's own."""
    asked = question_of(mounting(world, "meets-name"))
    with pytest.raises(BrokerError, match="does not answer"):
        await client(broker, tmp_path, token(world), "moorage-broker.elsewhere.svc").ask(asked)
