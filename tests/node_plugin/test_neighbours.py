"""Real node plugins of one site, a real S3 server behind a counted line: who brings what, and who is believed."""

import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.far_line import FarLine, far_line
from broker.neighbours import NodeCopies
from broker.passes import reading_pass, serving_pass
from moorage.grants.grant import FillTerms
from moorage.grants.neighbours import Pass, Reading, server_name
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from moorage.serving.context import load_pair
from tests.node_plugin.conftest import make_pod_at, play_neighbour
from tests.node_plugin.object_stores import BUCKET, ObjectStore, put, version_in
from tests.node_plugin.played_broker import PlayedBroker, play_broker
from tests.node_plugin.played_node import FakePod, Node, wait_for

pytestmark = pytest.mark.real

NAMES = ("eu-1-a", "eu-1-b", "eu-1-c")
OBJECTS = {f"part/{number:03}": bytes([number]) * 100_000 for number in range(60)}
SIZE = sum(map(len, OBJECTS.values()))


@dataclass
class Site:
    """Nodes of one site, and the line to the source."""

    broker: PlayedBroker
    store: ObjectStore
    line: FarLine
    nodes: dict[str, Node] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    ref: DatasetRef = field(default_factory=lambda: DatasetRef("stewards", "none"))
    size_bytes: int = SIZE

    def cache(self, name: str) -> Path:
        """A node's."""
        return self.nodes[name].log.parent / "cache"

    def copies(self) -> list[NodeCopies]:
        """What NodeCaches would tell: of what is on the disks."""
        return [NodeCopies(name, self.addresses[name], dict(self._held(name))) for name in self.addresses]

    def _held(self, name: str) -> Iterator[tuple[tuple[DatasetRef, str], int]]:
        for kind, size_bytes in (("filling", 0), ("whole", self.size_bytes)):
            for folder in self.cache(name).glob(f"{kind}/{self.ref.namespace}_{self.ref.name}_*"):
                yield (self.ref, folder.name.rpartition("_")[2]), size_bytes

    def grant(self, folder: str, version: str, size_bytes: int = SIZE, far_seconds: float = 60.0) -> None:
        """Permit a dataset, over the line, to pods that ask for a copy."""
        self.ref, self.size_bytes = DatasetRef("stewards", folder), size_bytes
        self.line.received_bytes = 0
        terms = FillTerms(size_bytes=size_bytes, far_seconds=far_seconds, listed_version=version, asked=True)
        source = replace(self.store, endpoint=self.line.endpoint).source(folder, local=False)
        self.broker.grant(str(self.ref), source, version=version, fill=terms)

    def read(self, name: str) -> FakePod:
        """A pod on a node reads it."""
        pod = make_pod_at(self.nodes[name])
        self.nodes[name].publish(pod, "claims", dataset=self.ref.name, namespace=self.ref.namespace)
        return pod

    def has(self, name: str, version: str) -> bool:
        """Whether a node has all of it."""
        return self.folder(name, version).exists()

    def folder(self, name: str, version: str) -> Path:
        """Where a node has all of it."""
        return self.cache(name) / "whole" / f"{self.ref.namespace}_{self.ref.name}_{version}"

    def files(self, name: str, version: str) -> dict[str, bytes]:
        """What a node has of it."""
        root = self.folder(name, version) / "objects"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def brought(self, name: str) -> tuple[int, int]:
        """The bytes of a node's last fill: from neighbours, and from the source."""
        lines = [json.loads(line) for line in self.nodes[name].log.read_text().splitlines() if line.startswith("{")]
        last = [line for line in lines if line.get("message") == "a fill is whole"][-1]
        return last["near"], last["far"]


@pytest.fixture(scope="module")
def nodes(object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three nodes that serve each other."""
    parts = urlsplit(object_store.endpoint)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(play_broker(tmp_path_factory.mktemp("site")))
        line = stack.enter_context(far_line(parts.hostname or "", parts.port or 0))
        found = Site(broker, object_store, line)
        for name in NAMES:
            node, found.addresses[name] = stack.enter_context(play_neighbour(broker, name))
            found.nodes[name] = node
        for node in found.nodes.values():
            wait_for("a certificate", lambda node=node: "neighbours are served" in node.log.read_text())  # type: ignore[misc]
        yield found


@pytest.fixture
def site(nodes: Site) -> Site:
    """The same nodes; a quick line, and a broker that tells of what is on the disks."""
    nodes.line.bytes_per_second = 1e8
    nodes.broker.copies = nodes.copies
    for node in nodes.nodes.values():
        if node.driver is None or node.driver.poll() is not None:
            node.start_driver()
    return nodes


def test_nodes_that_start_at_once_bring_a_far_dataset_once(site: Site, object_store: ObjectStore) -> None:
    """Each object crosses the line once, also one that was uploaded in parts; a later node brings nothing from afar."""
    put(object_store, "once", OBJECTS)
    large = bytes(range(256)) * (6 << 12)
    upload = object_store.client.create_multipart_upload(Bucket=BUCKET, Key="once/large")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(large), 5 << 20), 1):
        body = large[start : start + (5 << 20)]
        answer = object_store.client.upload_part(
            Bucket=BUCKET, Key="once/large", UploadId=upload, PartNumber=number, Body=body
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    etag = object_store.client.complete_multipart_upload(
        Bucket=BUCKET, Key="once/large", UploadId=upload, MultipartUpload={"Parts": parts}
    )["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}-2"', etag)
    objects = OBJECTS | {"large": large}
    version = version_in(object_store, "once", objects)
    size = SIZE + len(large)
    site.line.bytes_per_second = 8e6
    site.grant("once", version, size)
    for name in NAMES[:2]:
        site.read(name)
    for name in NAMES[:2]:
        wait_for(f"the copy at {name}", lambda name=name: site.has(name, version), 120)  # type: ignore[misc]
        assert {key: body == objects[key] for key, body in site.files(name, version).items()} == dict.fromkeys(
            objects, True
        )
    assert size <= site.line.received_bytes < 1.1 * size
    near, far = zip(*(site.brought(name) for name in NAMES[:2]), strict=True)
    assert (sum(far), sum(near)) == (size, size)
    assert min(far) > 0, "both went to the source"
    site.read(NAMES[2])
    wait_for("the third copy", lambda: site.has(NAMES[2], version), 120)
    assert site.brought(NAMES[2]) == (size, 0), site.nodes[NAMES[2]].log.read_text()[-5000:]
    assert site.files(NAMES[2], version) == objects
    assert set(site.broker.passes) >= {f"{name} {site.ref}" for name in NAMES}


def test_a_neighbour_that_dies_is_left_for_the_source(site: Site, object_store: ObjectStore) -> None:
    """The copy is whole and right all the same; what the dead one was to bring, the other brings."""
    version = put(object_store, "dies", OBJECTS)
    site.line.bytes_per_second = 1e6
    site.grant("dies", version)
    site.read(NAMES[0])
    site.read(NAMES[1])
    wait_for(
        "both to have begun", lambda: all(any(site.cache(name).glob("filling/*/objects/part/*")) for name in NAMES[:2])
    )
    site.nodes[NAMES[1]].stop_driver(signal.SIGKILL)
    site.line.bytes_per_second = 1e8
    wait_for("the copy", lambda: site.has(NAMES[0], version), 120)
    assert site.files(NAMES[0], version) == OBJECTS
    assert "a neighbour is asked no more" in site.nodes[NAMES[0]].log.read_text()


class Liar:
    """A node that has a valid certificate, and other bytes of the right length."""

    def __init__(self, site: Site, number_of_objects: int) -> None:
        assert site.broker.authority is not None
        made = serving_pass(site.broker.authority, "eu-1-liar", datetime.now(tz=UTC))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_pair(context, made.certificate.encode(), made.key.encode())
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(handler) -> None:  # noqa: N805 - `self` is the liar
                self.asked.append(handler.path)
                is_object = handler.path.rpartition("/")[2].isdigit()
                body = b"?" * 100_000 if is_object else b"\xff" * ((number_of_objects + 7) // 8)
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *_: object) -> None:  # noqa: N805
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def copies(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.server.server_port}"


def test_a_neighbour_that_lies_is_believed_nothing(site: Site, object_store: ObjectStore) -> None:
    """Its bytes are thrown away, it is asked no more, and the source gives all of it."""
    version = put(object_store, "lies", OBJECTS)
    site.grant("lies", version)
    liar = Liar(site, len(OBJECTS))
    try:
        told = NodeCopies("eu-1-liar", liar.copies, {(site.ref, version): SIZE})
        site.broker.copies = lambda: [*site.copies(), told]
        site.read(NAMES[0])
        wait_for("the copy", lambda: site.has(NAMES[0], version), 120)
    finally:
        liar.server.shutdown()
        liar.server.server_close()
    assert site.files(NAMES[0], version) == OBJECTS
    assert site.brought(NAMES[0]) == (0, SIZE)
    assert any(path.rpartition("/")[2].isdigit() for path in liar.asked)
    assert "sends other bytes than the source has" in site.nodes[NAMES[0]].log.read_text()


def ask(site: Site, name: str, path: str, shown: Pass | None, folder: Path) -> int | str:
    """What a node answers to whoever shows this pass; or why there is no connection."""
    return ask_at((site.broker, name, site.addresses[name]), path, shown, folder)


def ask_at(node: tuple[PlayedBroker, str, str], path: str, shown: Pass | None, folder: Path) -> int | str:
    """The same, of a node that is known to a broker by its name, and at an address."""
    broker, name, address = node
    context = ssl.create_default_context(cafile=str(broker.ca_file))
    if shown is not None:
        (folder / "pass.pem").write_text(shown.certificate + shown.key)
        context.load_cert_chain(folder / "pass.pem")
    host, _, port = address.rpartition(":")
    try:
        with (
            socket.create_connection((host, int(port)), 10) as line,
            context.wrap_socket(line, server_hostname=server_name(name)) as secured,
        ):
            secured.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(secured)
            answer.begin()
            return answer.status
    except OSError as error:
        return type(error).__name__


def test_who_is_served(site: Site, object_store: ObjectStore, tmp_path: Path) -> None:
    """Node plugins with a pass for this dataset, while it may be here; no path leads to another file."""
    version = put(object_store, "served", OBJECTS)
    site.grant("served", version)
    site.read(NAMES[0])
    wait_for("the copy", lambda: site.has(NAMES[0], version), 120)
    authority, now = site.broker.authority, datetime.now(tz=UTC)
    assert authority is not None
    good = reading_pass(authority, Reading("eu-1-b", site.ref), now)
    path = f"/v1/objects/{site.ref.namespace}/{site.ref.name}/{version}"
    assert ask(site, NAMES[0], path, good, tmp_path) == 200
    assert ask(site, NAMES[0], f"{path}/0", good, tmp_path) == 200
    assert ask(site, NAMES[0], f"{path}/60", good, tmp_path) == 404
    assert ask(site, NAMES[0], f"{path}/..%2f..%2fsummary.json", good, tmp_path) == 404
    assert ask(site, NAMES[0], f"{path[:-1]}g/0", good, tmp_path) == 403
    other = reading_pass(authority, Reading("eu-1-b", DatasetRef(site.ref.namespace, "other")), now)
    assert ask(site, NAMES[0], f"{path}/0", other, tmp_path) == 403
    assert isinstance(ask(site, NAMES[0], f"{path}/0", None, tmp_path), str)
    for_serving = serving_pass(authority, "eu-1-b", now)
    assert isinstance(ask(site, NAMES[0], f"{path}/0", for_serving, tmp_path), str)
    site.broker.standings[str(site.ref)] = Standing(ref=site.ref, rule="ClearanceTooLow", message="re-classified")
    wait_for("it to be served no more", lambda: ask(site, NAMES[0], f"{path}/0", good, tmp_path) == 404)
