"""Who gets a pass to its neighbours, and who is told of them: the broker's own application on loopback."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509

from broker.app import make_app, node_limit, pod_limit
from broker.identity import NodeIdentity
from broker.neighbours import NodeCopies
from broker.parts import Parts
from broker.sightings import Sightings
from broker.vouching import VouchedPods
from moorage.caching import CacheMode, CachePolicy
from moorage.errors import NotFoundError
from moorage.evidence.line import Event, What
from moorage.grants.neighbours import PASSES_PATH, PATH, Neighbour, Reading, read_neighbourhood, read_pass, write_asked
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import PURPOSE_LABEL, Dataset, DatasetRef, Node
from moorage.proving import Prover
from moorage.refusal import Refusal
from moorage.serving.certificates import KeyPair, make_authority
from moorage.serving.health import Health
from moorage.serving.rate_limit import RateLimit
from moorage.sites import Inventory
from moorage.watching.namespaces import NamespaceTerms
from tests.broker.test_rules import ASKED, CLAIMS, EU, US, raw_pod
from tests.builders import make_dataset

GOVERNED = (
    (make_dataset("claims").at("eu-1").staying_in("EU").for_purposes("research").for_consumers("lab/trainer"))
    .sized(100, "v2")
    .obj()
)
OTHER_POD = replace(ASKED, pod=PodIdentity("lab", "nobody", "uid-1"))


@dataclass
class Known:
    """What the broker would have of a cluster: a site with two nodes, one pod, one Dataset."""

    dataset_: Dataset = GOVERNED
    pods: dict[str, dict[str, Any]] = field(default_factory=lambda: {"reader": raw_pod()})
    events: list[Event] = field(default_factory=list)
    pods_read: int = 0
    looks: int = 0
    signed_by: KeyPair = field(default_factory=lambda: make_authority("x", datetime.now(tz=UTC), timedelta(days=1)))

    async def of(self, token: str, _address: str) -> NodeIdentity:
        """The token is the node's name."""
        return NodeIdentity("a/b", token)

    async def get(self, _kind: object, name: str, namespace: str) -> dict[str, Any]:
        """A pod, as the API server has it."""
        self.pods_read += 1
        if name not in self.pods:
            raise NotFoundError(f"{namespace}/{name} is not there", status=404)
        return self.pods[name]

    def record(self, event: Event, _message: str) -> None:
        """Evidence."""
        self.events.append(event)

    def problem(self, _seconds: float) -> None:
        """All is seen."""

    def node(self, name: str) -> Node | None:
        """Two of the site."""
        return Node(name, dict(EU.node_selector)) if name in {"n1", "n2"} else None

    def dataset(self, ref: DatasetRef) -> Dataset | None:
        """The one."""
        return self.dataset_ if ref == CLAIMS else None

    def unreadable(self, _ref: DatasetRef) -> None:
        """All can be read."""

    def namespace(self, _name: str) -> NamespaceTerms:
        """Any."""
        return NamespaceTerms(None)

    def inventory(self) -> Inventory:
        """Two sites."""
        return INVENTORY

    def copies(self) -> list[NodeCopies]:
        """The other node has all of it."""
        self.looks += 1
        return [NodeCopies("n2", "10.0.0.2:9809", {(CLAIMS, "v2"): 100})]


INVENTORY = Inventory.of([EU, US])


@asynccontextmanager
async def served(known: Known) -> AsyncIterator[TestClient[Any, Any]]:
    """The application."""
    parts = Parts(
        known,  # type: ignore[arg-type]
        known,  # type: ignore[arg-type]
        known,  # type: ignore[arg-type]
        Prover(known),  # type: ignore[arg-type]
        known,  # type: ignore[arg-type]
        30.0,
        node_limit(0.1),
        pod_limit(0.1),
        "docker.io/moorage/mount",
        sightings=Sightings(known.copies, lambda: 0.0),
        signer=lambda: known.signed_by,
        vouched=VouchedPods(lambda: 0.0),
        poll_limit=RateLimit(5.0, 100.0, lambda: 0.0),
    )
    async with TestClient(TestServer(make_app(parts, Health()))) as client:
        yield client


async def ask(
    client: TestClient[Any, Any], path: str, asked: GrantQuestion | None, node: str = "n1"
) -> tuple[int, Any]:
    """What a node is answered."""
    headers = {"Authorization": f"Bearer {node}"}
    async with client.post(path, data=write_asked(asked), headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_pod_that_may_read_gets_its_node_a_pass() -> None:
    """A line of evidence says for whom, and that the bytes come from neighbours; one to serve with is nobody's data."""
    known = Known()
    async with served(known) as client:
        told = read_neighbourhood(*await ask(client, PATH, ASKED))
        assert told.neighbours == (Neighbour("n2", "10.0.0.2:9809", whole=True),)  # type: ignore[union-attr]
        assert known.events == []
        assert not isinstance(read_pass(*await ask(client, PASSES_PATH, ASKED)), Refusal)
        assert not isinstance(read_pass(*await ask(client, PASSES_PATH, None)), Refusal)
    (event,) = known.events
    assert (event.what, event.dataset, event.pod, event.uid) == (What.GRANTED, str(CLAIMS), "lab/reader", "uid-1")
    assert (event.account, event.purpose, event.node) == ("lab/trainer", "research", "n1")
    assert (event.version, event.source) == ("v2", {"site": "eu-1", "kind": "neighbours"})


async def test_memory_is_read_by_who_may_have_it() -> None:
    """Also by who writes. The pass names the Dataset's uid, so that it reads nothing of an earlier one of the name."""
    memory = replace(make_dataset("claims").in_memory_at("eu-1").for_consumers("lab/trainer").obj(), uid="uid-7")
    known = Known(memory)
    known.copies = lambda: [NodeCopies("n2", "10.0.0.2:9809", {(CLAIMS, "uid-7"): 0})]  # type: ignore[method-assign]
    async with served(known) as client:
        told = read_neighbourhood(*await ask(client, PATH, ASKED))
        given = read_pass(*await ask(client, PASSES_PATH, ASKED))
    assert told.neighbours == (Neighbour("n2", "10.0.0.2:9809", whole=False),)  # type: ignore[union-attr]
    certificate = x509.load_pem_x509_certificate(given.certificate.encode())  # type: ignore[union-attr]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert Reading.read(uri) == Reading("n1", CLAIMS, "uid-7")
    assert [event.what for event in known.events] == [What.GRANTED]


def refused() -> Iterator[Any]:
    """Who asks, of what, and the rule."""
    other_account = {"spec": {"serviceAccountName": "else"}}
    yield pytest.param(Known(), OTHER_POD, "n1", "", id="no such pod")
    yield pytest.param(Known(), ASKED, "n2", "", id="a pod of another node")
    yield pytest.param(Known(), replace(ASKED, dataset=DatasetRef("steward", "x")), "n1", "NotMounted", id="unasked")
    yield pytest.param(Known(pods={"reader": raw_pod(**other_account)}), ASKED, "n1", "ConsumerNotAllowed", id="reader")
    for_ads = {"metadata": {"labels": {PURPOSE_LABEL: "ads"}}}
    yield pytest.param(Known(pods={"reader": raw_pod(**for_ads)}), ASKED, "n1", "PurposeNotAllowed", id="purpose")
    finished = {"status": {"phase": "Succeeded"}}
    yield pytest.param(Known(pods={"reader": raw_pod(**finished)}), ASKED, "n1", "", id="a pod that has finished")
    uncached = replace(GOVERNED, cache=CachePolicy(CacheMode.NONE))
    yield pytest.param(Known(uncached), ASKED, "n1", "", id="no copies")
    unlisted = replace(GOVERNED, status=replace(GOVERNED.status, version=None))
    yield pytest.param(Known(unlisted), ASKED, "n1", "", id="unlisted")


@pytest.mark.parametrize(("known", "asked", "node", "rule"), [*refused()])
async def test_who_gets_none(known: Known, asked: GrantQuestion, node: str, rule: str) -> None:
    """Whoever names no pod of its own that may read: neither a pass nor a neighbour, and a line says so."""
    async with served(known) as client:
        for answer in (
            read_neighbourhood(*await ask(client, PATH, asked, node)),
            read_pass(*await ask(client, PASSES_PATH, asked, node)),
        ):
            assert isinstance(answer, Refusal)
            assert answer.reason == rule
        named = {"dataset": {"namespace": "steward", "name": "claims"}}
        for path in (PATH, PASSES_PATH):
            async with client.post(path, json=named, headers={"Authorization": "Bearer n1"}) as unnamed:
                assert unnamed.status == 400
    assert [event.what for event in known.events] == [What.REFUSED]


async def test_polls_cost_the_grants_nothing() -> None:
    """A hundred of them look at the copies once, read the pod once, and leave the node's budget as it was."""
    known = Known()
    async with served(known) as client:
        for _ in range(100):
            assert (await ask(client, PATH, ASKED))[0] == 200
        assert (known.looks, known.pods_read) == (1, 1)
        status, _answer = await ask(client, PATH, ASKED)
        assert status == 429
        assert (await ask(client, "/v1/grants", ASKED))[0] == 200
