"""A right that ends takes the mount with it, where the steward wants that: open files fail, and nothing new opens."""

import signal
import subprocess
import time

import pytest

from tests.node_plugin.object_stores import ObjectStore
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, say, wait_for

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("looking")]

DATASET = "stewards/claims"
SIZE = 24 << 20

# Keeps a file open and reads its end when told to; then says whether it can open it anew. A line for each.
HOLDER = """
import os, sys
path = sys.argv[1] + "/file"
held = os.open(path, os.O_RDONLY)
os.pread(held, 4096, 0)
print("open", flush=True)
while True:
    try: held_reads = len(os.pread(held, 4096, os.fstat(held).st_size - 4096)) == 4096
    except OSError: held_reads = False
    try:
        with open(path, "rb") as file: opens = len(file.read(10)) == 10
    except OSError: opens = False
    print(f"held={held_reads} opens={opens}", flush=True)
    import time; time.sleep(0.05)
"""


@pytest.fixture
def looking(node: Node) -> None:
    """The driver asks often."""
    node.stop_driver()
    node.environment["MOORAGE_REVIEW_SECONDS"] = "0.2"
    node.start_driver()


def served(node: Node, make_pod: MakePod, store: ObjectStore, broker: PlayedBroker, folder: str) -> FakePod:
    """A pod whose stream is served."""
    store.client.put_object(Bucket="steward-data", Key=f"{folder}/file", Body=bytes(SIZE))
    broker.grant(DATASET, store.source(folder))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims", namespace="stewards")
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    return pod


def line_of(app: subprocess.Popen[bytes]) -> str:
    """The next line that the app prints."""
    assert app.stdout is not None
    return app.stdout.readline().decode().strip()


def wait_line(app: subprocess.Popen[bytes], line: str) -> None:
    """Read its lines until this one comes."""
    wait_for(f"{line!r} of the app", lambda: line_of(app) == line)


def test_a_stream_ends_and_comes_back_with_the_right(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """The open file, too; the same app reads on once the steward permits it again."""
    pod = served(node, make_pod, object_store, broker, "revoked-stream")
    app = node.start_container(pod, "claims", HOLDER)
    assert line_of(app) == "open"
    wait_line(app, "held=True opens=True")
    broker.revoke(DATASET)
    wait_line(app, "held=False opens=False")
    wait_for("the sidecar's word", lambda: "ask its steward" in node.readiness(pod, "claims")[1])
    asked = len(broker.reviewed)
    time.sleep(1)
    assert len(broker.reviewed) == asked, "what was ended is not asked about again"
    broker.grant(DATASET, object_store.source("revoked-stream"))
    wait_line(app, "held=False opens=True")


def test_nothing_ends_without_the_brokers_word(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """A broker that is down, or says nothing of a volume, ends nothing."""
    pod = served(node, make_pod, object_store, broker, "revoked-not")
    app = node.start_container(pod, "claims", HOLDER)
    assert line_of(app) == "open"
    wait_for("a review", lambda: broker.reviewed[:1] == [f"fraud/trainer {DATASET}"])
    broker.down = True
    wait_for("a failed review", lambda: "does not say which volumes must end" in node.log.read_text())
    for _ in range(10):
        assert line_of(app) == "held=True opens=True"
    assert app.poll() is None


def test_what_was_ended_stays_so_without_a_broker_and_over_a_restart(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """A sidecar that still holds the keys gets no descriptor while nobody can be asked."""
    pod = served(node, make_pod, object_store, broker, "revoked-for-good")
    app = node.start_container(pod, "claims", HOLDER)
    assert line_of(app) == "open"
    broker.revoke(DATASET)
    wait_line(app, "held=False opens=False")
    wait_for("the journal", lambda: "a volume was ended" in node.log.read_text())
    broker.down = True
    node.stop_driver(signal.SIGKILL)
    node.start_driver()
    answer = say(pod, b'{"op": "attach", "volume": "claims", "holdsGrant": true}\n')
    assert b'"unavailable"' in answer, answer
    wait_line(app, "held=False opens=False")


def test_what_the_node_shows_is_covered(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """A folder of the node needs no server: later opens fail, and the sidecar's state says why."""
    folder = node.log.parent / "shown"
    folder.mkdir(mode=0o755)
    (folder / "file").write_bytes(bytes(8192))
    broker.grant(DATASET, {"kind": "hostPath", "path": str(folder)})
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims", namespace="stewards")
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    app = node.start_container(pod, "claims", HOLDER)
    assert line_of(app) == "open"
    broker.revoke(DATASET)
    # What is open is the kernel's, not ours to close.
    wait_line(app, "held=True opens=False")
    assert node.stack(pod, "claims")[-1] == "fuse.moorage"
    assert b"delete the pod" in say(pod, b'{"op": "attach", "volume": "claims", "holdsGrant": false}\n')
