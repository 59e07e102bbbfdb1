"""The real driver, filler, sidecar, kernel and S3 server: a dataset of which a node has room for a part."""

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from node_plugin import binding
from tests.node_plugin.object_stores import BUCKET, ObjectStore, digests, put
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, rclones_of, wait_for
from tests.node_plugin.test_cached_mounts import DATASET, grant, publish, read

pytestmark = pytest.mark.real

OBJECTS = {f"deep/{number:02}": bytes([number]) * 300_000 for number in range(10)} | {"odd%41+ä": b"x", "e": b""}
SIZE = sum(map(len, OBJECTS.values()))
ROOM = "1600Ki"
FOLLOW = """
import hashlib, pathlib, sys
for line in sys.stdin:
    try:
        print(hashlib.sha256(pathlib.Path(sys.argv[1], line.strip()).read_bytes()).hexdigest(), flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


@pytest.fixture
def small_cache(node: Node, cache_dir: Path) -> Path:
    """The folder of a cache that has room for a half of the dataset."""
    node.stop_driver()
    node.environment["MOORAGE_CACHE_SIZE_LIMIT"] = ROOM
    node.start_driver()
    return cache_dir


def held(cache_dir: Path) -> set[str]:
    """Keys of the objects that are there."""
    found = cache_dir.glob("filling/*/objects")
    return {str(path.relative_to(folder)) for folder in found for path in folder.rglob("*") if path.is_file()}


def make_part(node: Node, pod: FakePod, cache_dir: Path) -> set[str]:
    """Have a pod begin, and wait until the node has what there is room for; gives the keys."""
    publish(node, pod)
    wait_for("the part", lambda: "a fill has brought what there is room for" in node.log.read_text())
    keys = held(cache_dir)
    assert 4 <= len(keys & {key for key in OBJECTS if key.startswith("deep")}) <= 5
    return keys


def serve(node: Node, pod: FakePod) -> "subprocess.Popen[bytes]":
    """Start its sidecar, and wait for it."""
    sidecar = node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    return sidecar


def test_what_the_node_has_comes_from_it_and_the_rest_from_the_source(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, small_cache: Path
) -> None:
    """In one mount, also for the pod that came first; whatever dies, and when the node's objects go."""
    version = put(object_store, "parted", OBJECTS)
    grant(broker, object_store, "parted", version, size=SIZE)
    first, second = make_pod(), make_pod()
    keys = make_part(node, first, small_cache)
    sidecar = serve(node, first)
    assert read(node, first) == digests(OBJECTS)
    for key in keys:
        object_store.client.delete_object(Bucket=BUCKET, Key=f"parted/{key}")
    publish(node, second)
    serve(node, second)
    assert read(node, second) == digests(OBJECTS)
    node.stop_driver(signal.SIGKILL)
    assert read(node, first) == digests(OBJECTS)
    node.start_driver()
    os.kill(rclones_of(sidecar)[0], signal.SIGKILL)
    wait_for("a healed mount", lambda: len(node.stack(first, "claims")) == 3)
    node.wait_ready(first, "claims")
    os.killpg(sidecar.pid, signal.SIGKILL)
    serve(node, first)
    assert read(node, first) == digests(OBJECTS)


def test_what_the_source_changed_is_an_error_and_no_other_version(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, small_cache: Path
) -> None:
    """The rest stays readable as it was; who comes later gets the new version."""
    version = put(object_store, "parted-changed", OBJECTS)
    grant(broker, object_store, "parted-changed", version, size=SIZE)
    pod = make_pod()
    keys = make_part(node, pod, small_cache)
    serve(node, pod)
    far = sorted(set(OBJECTS) - keys)
    near = sorted(keys - {"e"})
    changed = OBJECTS | {far[0]: b"another", near[0]: b"another"}
    new = put(object_store, "parted-changed", changed)
    app = node.start_container(pod, "claims", FOLLOW.replace("sys.stdin", repr([far[0], near[0], far[1]])))
    text, _ = app.communicate(timeout=60)
    said = digests(OBJECTS)
    assert text.decode().splitlines() == ["Input/output error", said[near[0]], said[far[1]]]
    assert f"the source has changed {far[0]!r}" in node.sidecar_log(pod)
    grant(broker, object_store, "parted-changed", new, size=sum(map(len, changed.values())))
    later = make_pod()
    publish(node, later)
    serve(node, later)
    assert read(node, later) == digests(changed)


def test_what_may_not_stay_goes_and_its_readers_are_cut_off(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, small_cache: Path
) -> None:
    """As with a whole copy."""
    version = put(object_store, "parted-withdrawn", OBJECTS)
    grant(broker, object_store, "parted-withdrawn", version, size=SIZE)
    pod = make_pod()
    make_part(node, pod, small_cache)
    serve(node, pod)
    ref = DatasetRef(*DATASET.split("/"))
    broker.standings[DATASET] = Standing(ref=ref, rule="ClearanceTooLow", message="re-classified")
    del broker.answers[DATASET]
    wait_for("it to go", lambda: not held(small_cache) and not any(map(Path.is_file, small_cache.glob("trash/**/*"))))
    assert "not connected" in node.output("ls", str(pod.target("claims")))
    node.unpublish(pod, "claims")


def test_a_part_stays_as_long_as_a_volume_uses_it(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, small_cache: Path
) -> None:
    """Then another dataset gets its room."""
    version = put(object_store, "parted-used", OBJECTS)
    grant(broker, object_store, "parted-used", version, size=SIZE)
    pod = make_pod()
    keys = make_part(node, pod, small_cache)
    serve(node, pod)
    broker.standings[DATASET] = replace(broker.standings[DATASET], evict_before=int(time.time()) + 1)
    wait_for("the moment", lambda: time.time() > int(broker.standings[DATASET].evict_before or 0) + 1)
    assert held(small_cache) == keys
    node.unpublish(pod, "claims")
    wait_for("it to leave", lambda: not held(small_cache))


def test_a_view_shows_one_folder_and_can_not_be_written(tmp_path: Path) -> None:
    """Not even by root; nor is there a way up to what lies beside it."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "a").write_text("a")
    (tmp_path / "secret").write_text("s")
    view = binding.view(tmp_path / "objects")
    try:
        with pytest.raises(OSError, match="Read-only file system"):
            os.open("b", os.O_WRONLY | os.O_CREAT, dir_fd=view)
        with pytest.raises(OSError, match="Read-only file system"):
            os.open("a", os.O_WRONLY, dir_fd=view)
        above = os.open("..", os.O_PATH | os.O_DIRECTORY, dir_fd=view)
        try:
            assert os.fstat(above).st_ino == os.fstat(view).st_ino
            with pytest.raises(FileNotFoundError):
                os.stat("../secret", dir_fd=view)
        finally:
            os.close(above)
    finally:
        os.close(view)
