"""Objects go from one node's memory to another's before a pod is shown it: real node plugins, real mutual TLS."""

import contextlib
import select
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from broker.neighbours import NodeCopies
from broker.passes import reading_pass
from moorage.grants.neighbours import Reading
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from tests.node_plugin.conftest import make_pod_at, play_neighbour
from tests.node_plugin.played_broker import PlayedBroker, play_broker
from tests.node_plugin.played_node import DRIVER, FakePod, Node, wait_for
from tests.node_plugin.test_memory import MIB, UID, grant
from tests.node_plugin.test_neighbours import ask_at

pytestmark = pytest.mark.real

NAMES = ("eu-1-a", "eu-1-b", "eu-1-c")


@dataclass
class Site:
    """Nodes of one site, and who the broker says has something."""

    broker: PlayedBroker
    nodes: dict[str, Node] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    ref: DatasetRef = field(default_factory=lambda: DatasetRef("fraud", "none"))

    def copies(self) -> list[NodeCopies]:
        """What NodeCaches would tell: who has the memory, whatever lies there."""
        return [
            NodeCopies(name, self.addresses[name], {(self.ref, UID): 0})
            for name, node in self.nodes.items()
            if self.folder(name) in node.output("cat", "/proc/mounts")
        ]

    def folder(self, name: str) -> str:
        """Where a node has it."""
        return f"{self.nodes[name].kubelet_dir}/plugins/{DRIVER}/memory/fraud_{self.ref.name}_{UID}"

    def pod(self, name: str, *, writes: bool = False) -> FakePod:
        """A pod on a node has the memory."""
        pod, node = make_pod_at(self.nodes[name]), self.nodes[name]
        (node.publish_to_write if writes else node.publish)(pod, "features", dataset=self.ref.name)
        return pod

    def put(self, name: str, pod: FakePod, obj: str, content: str) -> None:
        """As the library does: whole, by a rename."""
        target = pod.target("features")
        self.nodes[name].output("sh", "-c", f"printf {content} > {target}/.new && mv {target}/.new {target}/{obj}")

    def lies(self, name: str, pod: FakePod) -> dict[str, str]:
        """What a pod sees."""
        script = 'cd "$1" && for f in $(ls -A); do echo "$f $(head -c 100 "$f")"; done'
        lines = self.nodes[name].output("sh", "-c", script, "sh", str(pod.target("features"))).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def brought(self, name: str) -> int:
        """How often a node brought something."""
        return self.nodes[name].log.read_text().count("objects were brought to memory")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three nodes that serve each other."""
    with contextlib.ExitStack() as stack:
        site = Site(stack.enter_context(play_broker(tmp_path_factory.mktemp("memory"))))
        for name in NAMES:
            site.nodes[name], site.addresses[name] = stack.enter_context(play_neighbour(site.broker, name))
        site.broker.copies = site.copies
        yield site


@pytest.fixture
def site(nodes: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The same nodes, and a Dataset of this test's own."""
    nodes.ref = DatasetRef("fraud", f"d{abs(hash(request.node.name)) % 10**9}")
    for name in NAMES:
        node = nodes.nodes[name]
        if node.driver is None or node.driver.poll() is not None:
            node.start_driver()
        wait_for("a certificate", lambda node=node: node.log.read_text().count("neighbours are served") > 0)  # type: ignore[misc]
    grant(nodes.broker, str(nodes.ref))
    yield nodes
    nodes.broker.copies = nodes.copies


def test_what_was_put_at_one_node_is_there_at_another(site: Site) -> None:
    """Before the pod has it, once for all pods, from whoever has it; a copy follows its home."""
    a, b, c = NAMES
    first = site.pod(a, writes=True)
    site.put(a, first, "x", "one")
    site.put(a, first, "y", "two")
    assert site.lies(b, site.pod(b)) == {"x": "one", "y": "two"}
    later = site.pod(b)
    assert site.lies(b, later) == {"x": "one", "y": "two"}
    assert site.brought(b) == 1
    # Replaced and deleted at home: a copy elsewhere brings nothing back, and goes with the next pod there.
    site.put(a, first, "x", "newer")
    site.nodes[a].output("rm", f"{first.target('features')}/y")
    assert site.lies(a, site.pod(a)) == {"x": "newer"}
    assert site.lies(b, site.pod(b)) == {"x": "newer"}
    assert site.lies(b, later) == {"x": "newer"}
    # Of two of one name, the newest; each node has one tmpfs, of which a copy is an ordinary object.
    other = site.pod(c, writes=True)
    site.put(c, other, "x", "newest")
    assert site.lies(b, site.pod(b)) == {"x": "newest"}
    assert site.lies(a, site.pod(a)) == {"x": "newest"}
    # Its home is gone: a copy is as good.
    site.nodes[c].unpublish(other, "features")
    site.nodes[c].output("umount", site.folder(c))
    assert site.lies(c, site.pod(c)) == {"x": "newest"}


def test_what_is_no_object_stays_where_it_is(site: Site) -> None:
    """A folder, a link, a hidden file, a name of another kind; and a file that somebody has open to write to."""
    a, b, _ = NAMES
    pod = site.pod(a, writes=True)
    target = pod.target("features")
    site.put(a, pod, "x", "one")
    made = f"cd {target} && mkdir folder && ln -s /etc/passwd link && echo h > .hidden && echo n > 'a name'"
    site.nodes[a].output("sh", "-c", made)
    writing = site.nodes[a].run(["sh", "-c", f"exec 3> {target}/torn; echo half >&3; echo; exec sleep 60"], stdout=-1)
    assert writing.stdout is not None
    writing.stdout.readline()
    assert site.lies(b, site.pod(b)) == {"x": "one"}
    writing.kill()
    writing.wait()
    wait_for("the file to be closed", lambda: site.lies(b, site.pod(b)) == {"x": "one", "torn": "half"})


def test_what_has_no_room_stays_away(site: Site) -> None:
    """The newest first; what lies here stays, and the pod starts."""
    a, b, _ = NAMES
    first, other = site.pod(a, writes=True), site.pod(b, writes=True)
    fill = "cd {} && head -c {} /dev/zero > .new && mv .new {}"
    for node, pod, name in ((a, first, "old"), (b, other, "own"), (a, first, "new")):
        site.nodes[node].output("sh", "-c", fill.format(pod.target("features"), 7 * MIB, name))
    assert set(site.lies(b, site.pod(b))) == {"own", "new"}
    assert '"without_room":1' in site.nodes[b].log.read_text()


class Line:
    """A way to a node that breaks after so many bytes, and again, and counts what went over it."""

    def __init__(self, address: str, breaks_after_bytes: int) -> None:
        host, _, port = address.rpartition(":")
        self.target, self.breaks_after_bytes = (host, int(port)), breaks_after_bytes
        self.bytes, self.breaks = 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        left = self.breaks_after_bytes
        with near, contextlib.suppress(OSError), socket.create_connection(self.target) as far:
            while left > 0:
                for one in select.select([near, far], [], [])[0]:
                    if not (data := one.recv(1 << 16)):
                        return
                    (far if one is near else near).sendall(data)
                    if one is far:
                        left, self.bytes = left - len(data), self.bytes + len(data)
            self.breaks += 1


def test_a_line_that_breaks_is_gone_on_with(site: Site) -> None:
    """From the piece where it broke: the object's bytes cross little more than once."""
    a, b, _ = NAMES
    pod = site.pod(a, writes=True)
    size = 12 * MIB
    make = f"cd {pod.target('features')} && head -c {size} /dev/urandom > .new && mv .new x && sha256sum x"
    digest = site.nodes[a].output("sh", "-c", make)
    line = Line(site.addresses[a], 4 * MIB)
    site.broker.copies = lambda: [NodeCopies(a, line.address, {(site.ref, UID): 0})]
    there = site.pod(b)
    line.close()
    assert site.nodes[b].output("sh", "-c", f"cd {there.target('features')} && sha256sum x") == digest
    assert line.breaks >= 3
    assert size < line.bytes < 1.5 * size + MIB


def test_killed_at_any_moment_nothing_torn_is_seen(site: Site) -> None:
    """Neither the node plugin that brings nor the one that gives leaves a part of an object; later all is there."""
    a, b, _ = NAMES
    pod = site.pod(a, writes=True)
    one = f"head -c {2 * MIB} /dev/urandom > .new && mv .new"
    make = f"cd {pod.target('features')} && for i in 0 1 2 3 4 5; do {one} $i; done"
    site.nodes[a].output("sh", "-c", make)
    for victim, lines in ((b, 1.5), (a, 2.5)):
        line = Line(site.addresses[a], int(lines * MIB))
        site.broker.copies = lambda line=line: [NodeCopies(a, line.address, {(site.ref, UID): 0})]  # type: ignore[misc]
        publishing = threading.Thread(target=_try, args=(site, b))
        publishing.start()
        wait_for("bytes to come", lambda line=line: line.bytes > MIB)  # type: ignore[misc]
        site.nodes[victim].stop_driver(signal.SIGKILL)
        site.nodes[victim].start_driver()
        publishing.join(120)
        line.close()
        sizes = site.nodes[b].output("sh", "-c", f"cd {site.folder(b)} && stat -c %s ? 2>/dev/null | sort -u").split()
        assert sizes in ([], [str(2 * MIB)])
        assert site.nodes[b].output("sh", "-c", f"ls -A {site.folder(b)} | grep -v '^[0-5]$'") == ""
    site.broker.copies = site.copies
    there = site.pod(b)
    sums = "cd {} && sha256sum *"
    assert site.nodes[b].output("sh", "-c", sums.format(there.target("features"))) == site.nodes[a].output(
        "sh", "-c", sums.format(pod.target("features"))
    )


def _try(site: Site, name: str) -> None:
    with contextlib.suppress(Exception):
        site.pod(name)


def test_a_node_that_does_not_answer_is_waited_for_and_named(site: Site) -> None:
    """The pod's Events say which; it starts without what that node has after a minute."""
    a, b, _ = NAMES
    site.pod(a, writes=True)
    site.broker.copies = lambda: [NodeCopies(a, "127.0.0.1:1", {(site.ref, UID): 0})]
    with pytest.raises(Exception, match=rf"can be brought .*node {a}: .*starts without it in \d+ s"):
        site.pod(b)


def test_who_is_served(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who shows a pass for this very Dataset, while it may be here."""
    a, b, _ = NAMES
    folder = tmp_path_factory.mktemp("passes")
    pod = site.pod(a, writes=True)
    site.put(a, pod, "x", "one")
    size, put = site.nodes[a].output("sh", "-c", f"stat -c '%s %.9Y' {pod.target('features')}/x").split()
    authority, now = site.broker.authority, datetime.now(tz=UTC)
    assert authority is not None

    def ask(path: str, reading: Reading) -> int | str:
        return ask_at((site.broker, a, site.addresses[a]), path, reading_pass(authority, reading, now), folder)

    good, path = Reading(b, site.ref, UID), f"/v1/memory/fraud/{site.ref.name}/{UID}"
    x = f"{path}/x?tag={size}-{put.replace('.', '')}"
    assert ask(path, good) == 200
    assert ask(x, good) == 200
    assert ask(f"{x}0", good) == 404
    assert ask(f"{x}&from=1", good) == 400
    assert ask(x.replace("/x?", "/..%2fx?"), good) == 404
    assert ask(path, Reading(b, site.ref)) == 403
    assert ask(path, Reading(b, site.ref, "another")) == 403
    assert ask(path, Reading(b, DatasetRef("fraud", "other"), UID)) == 403
    assert ask(f"/v1/objects/fraud/{site.ref.name}/{'0' * 64}", good) == 403
    assert ask(f"{path[:-1]}0", Reading(b, site.ref, f"{UID[:-1]}0")) == 404
    site.broker.standings[str(site.ref)] = Standing(ref=site.ref, rule="ClearanceTooLow", message="re-classified")
    wait_for("it to be served no more", lambda: ask(x, good) == 404)
