"""The node's memory that pods share: one tmpfs for each Dataset, as real processes in mount namespaces of their own."""

import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import grpc
import pytest

from moorage.access import Access
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import DRIVER, FakePod, MakePod, Node, wait_for

pytestmark = pytest.mark.real

FEATURES = "fraud/features"
MIB = 1 << 20
UID = "6ff6ac31-8f32-4cc4-9cbe-cd4bdee1f4b4"

WRITER = """
import sys
import numpy, pyarrow
from moorage.memory import MemoryStore
store = MemoryStore(sys.argv[1])
table = pyarrow.table({"a": numpy.arange(100_000), "b": ["x"] * 100_000})
store.put("features", table)
print("put", flush=True)
sys.stdin.readline()
try:
    for number in range(100):
        store.put(f"more-{number}", numpy.ones(1 << 20, dtype="uint8"))
    print("endless", flush=True)
except Exception as error:
    print(type(error).__name__, "has no room" in str(error), flush=True)
sys.stdin.readline()
"""
READER = """
import sys
from moorage.memory import MemoryStore
store = MemoryStore(sys.argv[1])
for _ in sys.stdin:
    table = store.get("features")
    try:
        store.put("mine", table)
        wrote = "wrote"
    except Exception as error:
        wrote = type(error).__name__ if "may only read" in str(error) else repr(error)
    print(table.num_rows, table["a"][99_999].as_py(), table["b"][0].as_py(), wrote, flush=True)
"""


@pytest.fixture(autouse=True)
def looking(node: Node) -> None:
    """The driver looks often at what may stay."""
    restart(node)


def restart(node: Node, **settings: str) -> None:
    """With other settings."""
    node.stop_driver()
    node.environment |= {"MOORAGE_MEMORY_LOOK_SECONDS": "0.2", "MOORAGE_REVIEW_SECONDS": "0.2"} | settings
    node.start_driver()


def grant(broker: PlayedBroker, dataset: str = FEATURES, *, size: int = 16 * MIB, uid: str = UID) -> None:
    """Whoever asks may write to it; a volume that says readOnly only reads."""
    source = {"site": "eu-1", "kind": "memory", "size": str(size), "local": True}
    broker.grant(dataset, source, version=None, access=Access.READ_WRITE, uid=uid)


def writer(node: Node, make_pod: MakePod, volume: str = "features") -> FakePod:
    """A pod that may write."""
    pod = make_pod()
    node.publish_to_write(pod, volume, dataset=volume)
    return pod


def reader(node: Node, make_pod: MakePod, volume: str = "features") -> FakePod:
    """A pod that may not."""
    pod = make_pod()
    node.publish(pod, volume, dataset=volume)
    return pod


def start(node: Node, pod: FakePod, script: str, *, uid: int) -> subprocess.Popen[bytes]:
    """A container of the pod: a mount namespace of its own, and a user without any rights."""
    rights = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
    rights += ["--bounding-set=-all", "--inh-caps=-all"]
    # Below the kubelet's folder the path is root's; a container has the mount itself at a path of its own.
    at, libraries = node.log.parent / "containers" / pod.uid, node.log.parent / "containers" / "libraries"
    at.mkdir(parents=True)
    libraries.mkdir(exist_ok=True)
    bound = 'mount --rbind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && cd / && exec "$@"'
    paths = [str(pod.target("features")), str(at), sysconfig.get_path("platlib"), str(libraries)]
    shell = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", bound, "sh"]
    environment = node.program_environment
    return node.run(
        [*shell, *paths, *rights, node.python, "-c", script, str(at)],
        env=environment | {"PYTHONPATH": f"{environment['PYTHONPATH']}:{libraries}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def told(app: subprocess.Popen[bytes]) -> str:
    """The next line that it prints."""
    assert app.stdout is not None
    return app.stdout.readline().decode().strip()


def say(app: subprocess.Popen[bytes]) -> None:
    """Let it go on."""
    assert app.stdin is not None
    app.stdin.write(b"\n")
    app.stdin.flush()


def held(node: Node) -> list[str]:
    """The file systems in the node's memory, as the kernel says."""
    prefix = str(node.kubelet_dir / "plugins" / DRIVER / "memory") + "/"
    lines = Path(f"/proc/{node.holder}/mountinfo").read_text().splitlines()
    return sorted(line.split()[4].removeprefix(prefix) for line in lines if line.split()[4].startswith(prefix))


def test_a_table_goes_from_pod_to_pod(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """Other users, read-only for who reads; a full one tells its writer, harms no reader, and goes with its Dataset."""
    grant(broker)
    writing, reading = writer(node, make_pod), reader(node, make_pod)
    assert held(node) == [f"fraud_features_{UID}"]
    put, got = start(node, writing, WRITER, uid=1001), start(node, reading, READER, uid=1002)
    assert told(put) == "put"
    say(got)
    assert told(got) == "100000 99999 x MemoryObjectError"
    say(put)
    assert told(put) == "MemoryObjectError True"
    say(got)
    assert told(got) == "100000 99999 x MemoryObjectError"
    put.kill()
    got.kill()
    node.unpublish(writing, "features")
    # The Dataset is gone, and a pod still has the memory.
    gone = Standing(ref=DatasetRef("fraud", "features"), rule="DatasetUnknown", message="it is not known")
    broker.standings[FEATURES] = gone
    wait_for("the reader to read on", lambda: node.output("ls", str(reading.target("features"))).startswith("features"))
    assert held(node) == [f"fraud_features_{UID}"]
    node.unpublish(reading, "features")
    wait_for("the memory to be freed", lambda: held(node) == [])
    wait_for("its folder", lambda: not list((node.kubelet_dir / "plugins" / DRIVER / "memory").iterdir()))
    wait_for("the log", lambda: "DatasetUnknown" in node.log.read_text())


def test_it_outlives_its_pods_and_the_driver(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """The next pod of a run finds it, whatever happened to the driver; once idle for long, it is freed."""
    grant(broker)
    pod = writer(node, make_pod)
    node.output("sh", "-c", f"echo kept > {pod.target('features')}/file")
    node.stop_driver(signal.SIGKILL)
    node.start_driver()
    node.output("sh", "-c", f"echo more >> {pod.target('features')}/file")
    node.unpublish(pod, "features")
    node.stop_driver(signal.SIGKILL)
    node.start_driver()
    later = reader(node, make_pod)
    assert node.output("cat", f"{later.target('features')}/file") == "kept\nmore\n"
    restart(node, MOORAGE_MEMORY_IDLE_SECONDS="0.5")
    time.sleep(1)  # longer than that: a pod has it
    assert node.output("cat", f"{later.target('features')}/file") == "kept\nmore\n"
    node.unpublish(later, "features")
    wait_for("the memory to be freed", lambda: held(node) == [])
    wait_for("the log", lambda: "no pod has used it" in node.log.read_text())


def test_another_dataset_of_the_name_starts_empty(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """What was put by the rules of a Dataset that was deleted is shown to nobody by those of the next one."""
    grant(broker)
    pod = writer(node, make_pod)
    node.output("touch", f"{pod.target('features')}/of-the-first")
    node.unpublish(pod, "features")
    grant(broker, uid="another")
    assert node.output("ls", str(reader(node, make_pod).target("features"))) == ""
    wait_for("the first one to be freed", lambda: held(node) == ["fraud_features_another"])


def test_what_the_node_does_not_have_is_refused(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """The sum of all sizes counts, not what lies there; the sentence says what helps, and nothing is left."""
    restart(node, MOORAGE_MEMORY_SIZE_LIMIT="20Mi")
    grant(broker)
    grant(broker, "fraud/others", size=8 * MIB, uid="b")
    first = writer(node, make_pod)
    pod = make_pod()
    with pytest.raises(grpc.RpcError, match=r"needs 8,388,608 bytes .* raise nodePlugin\.memory\.sizeLimit"):
        node.publish(pod, "others", dataset="others")
    assert not pod.target("others").exists()
    second = reader(node, make_pod)  # of the first: it costs nothing more
    grant(broker, size=12 * MIB)
    third = reader(node, make_pod)
    assert node.output("df", "--output=size", "-B1", str(third.target("features"))).split()[-1] == str(12 * MIB)
    node.publish(pod, "others", dataset="others")
    for each in (first, second, third):
        node.unpublish(each, "features")
    assert len(held(node)) == 2


def test_what_a_pod_has_is_bounded_and_harmless(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """No device, no program, no set-user-id; as many files as its size permits; nobody finds it past a volume."""
    grant(broker, size=MIB)
    pod = writer(node, make_pod)
    target = pod.target("features")
    options = [line.split() for line in Path(f"/proc/{node.holder}/mountinfo").read_text().splitlines()]
    mounted = next(line for line in options if line[4] == str(target))
    assert {"nosuid", "nodev", "noexec", "rw"} <= set(mounted[5].split(","))
    many = f"cd {target} && for i in $(seq 2000); do : > f$i || exit 1; done"
    assert "No space left" in node.output("sh", "-c", many)
    outside = node.output(
        "setpriv", "--reuid=1001", "--clear-groups", "ls", str(target.parents[5] / "plugins" / DRIVER / "memory")
    )
    assert "Permission denied" in outside


def test_a_right_that_ends_ends_it_for_that_pod_alone(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """It is covered where that pod sees it; others of the same memory go on."""
    grant(broker)
    ending, staying = reader(node, make_pod), writer(node, make_pod)
    node.output("touch", f"{staying.target('features')}/file")
    broker.revoke_pod(ending.uid, FEATURES)
    wait_for("the volume to be covered", lambda: node.stack(ending, "features")[-1] == "fuse.moorage")
    assert node.stack(staying, "features") == ["tmpfs"]
    assert node.output("ls", str(staying.target("features"))) == "file\n"
    node.unpublish(ending, "features")
    assert node.stack(ending, "features") == []
    assert node.output("ls", str(staying.target("features"))) == "file\n"


def test_a_broker_of_another_release_is_named(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """It does not say which Dataset has the name, so nothing is shown."""
    grant(broker, uid="")
    with pytest.raises(grpc.RpcError, match="install broker and node plugin of one release"):
        writer(node, make_pod)
