"""The real driver, filler, kernel and S3 server: a node's copy of a version, shown to pods and taken away again."""

import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.access import Access
from moorage.grants.grant import FillTerms
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from tests.node_plugin.object_stores import ObjectStore, digests, put
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, wait_for

pytestmark = pytest.mark.real

DATASET = "stewards/claims"
READ_ALL = """
import hashlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        print(path.relative_to(sys.argv[1]), hashlib.sha256(path.read_bytes()).hexdigest())
"""


def grant(broker: PlayedBroker, store: ObjectStore, folder: str, version: str, *, size: int) -> None:
    """Permit the dataset, with the terms of a far source, to a pod that asks for a cache."""
    terms = FillTerms(size_bytes=size, far_seconds=60.0, listed_version=version, asked=True)
    broker.grant(DATASET, store.source(folder, local=False), version=version, fill=terms)


def whole(cache_dir: Path) -> list[str]:
    """The versions that the node holds whole."""
    return [path.name.split("_")[2] for path in (cache_dir / "whole").iterdir()]


def publish(node: Node, pod: FakePod) -> None:
    """As the kubelet does."""
    node.publish(pod, "claims", dataset="claims", namespace="stewards")


def read(node: Node, pod: FakePod) -> dict[str, str]:
    """What a new app sees: SHA-256 by path."""
    text, _ = node.start_container(pod, "claims", READ_ALL).communicate(timeout=60)
    return dict(line.split() for line in text.decode().splitlines())


OBJECTS = {"a": b"a" * 2_000_000, "deep/er/b.csv": b"x,y\n", "empty": b""}
SIZE = sum(map(len, OBJECTS.values()))


def test_the_second_pod_reads_the_nodes_copy(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """The first streams and the node fills beside it; the second needs no server, and no store."""
    version = put(object_store, "second", OBJECTS)
    grant(broker, object_store, "second", version, size=SIZE)
    first, second = make_pod(), make_pod()
    publish(node, first)
    assert node.stack(first, "claims") == ["fuse.moorage"]
    wait_for("the copy", lambda: whole(cache_dir) == [version])
    publish(node, second)
    (shown,) = node.stack(second, "claims")
    assert shown != "fuse.moorage"
    broker.down = True
    node.start_sidecar(second, "claims")
    node.wait_ready(second, "claims")
    assert read(node, second) == digests(OBJECTS)
    lines = [
        line for line in node.output("cat", "/proc/self/mountinfo").splitlines() if str(second.target("claims")) in line
    ]
    assert all({"ro", "nosuid", "nodev", "noexec"} <= set(line.split()[5].split(",")) for line in lines)
    node.unpublish(second, "claims")
    assert node.stack(second, "claims") == []
    assert whole(cache_dir) == [version]


def test_a_writer_gets_the_source_itself(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Not the copy that is there, nor one that becomes whole later; and what it reads fills nothing."""
    version = put(object_store, "written", OBJECTS)
    writer = make_pod()
    broker.grant(DATASET, object_store.source("written", local=False), version=version, access=Access.READ_WRITE)
    node.publish_to_write(writer, "claims", dataset="claims", namespace="stewards")
    grant(broker, object_store, "written", version, size=SIZE)
    reader = make_pod()
    publish(node, reader)
    wait_for("the copy under its reader", lambda: node.stack(reader, "claims")[-1] != "fuse.moorage")
    assert whole(cache_dir) == [version]
    broker.grant(DATASET, object_store.source("written", local=False), version=version, access=Access.READ_WRITE)
    late = make_pod()
    node.publish_to_write(late, "claims", dataset="claims", namespace="stewards")
    assert node.stack(late, "claims") == ["fuse.moorage"]
    assert node.stack(writer, "claims") == ["fuse.moorage"]


def test_a_pod_that_streams_reads_the_copy_from_its_next_open_on(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """In the running container, without a restart; what it had open stays open."""
    version = put(object_store, "upgrade", OBJECTS)
    grant(broker, object_store, "upgrade", version, size=SIZE)
    pod = make_pod()
    publish(node, pod)
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    wait_for("the copy on top", lambda: node.stack(pod, "claims")[-1] != "fuse.moorage")
    assert whole(cache_dir) == [version]
    assert read(node, pod) == digests(OBJECTS)
    node.unpublish(pod, "claims")
    assert node.stack(pod, "claims") == []


def test_nobody_reads_the_cache_past_a_mount(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """The folder is root's, and what a pod sees can't be written, not even by its root."""
    version = put(object_store, "rights", OBJECTS)
    grant(broker, object_store, "rights", version, size=SIZE)
    publish(node, make_pod())
    wait_for("the copy", lambda: whole(cache_dir) == [version])
    pod = make_pod()
    publish(node, pod)
    assert "ermission denied" in node.output(
        "setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
        "ls", str(cache_dir),
    )  # fmt: skip
    assert "Read-only" in node.output("sh", "-c", f"echo x > {pod.target('claims')}/a")
    assert "Read-only" in node.output("chmod", "777", f"{pod.target('claims')}/a")


def test_a_new_version_is_another_copy(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Who was given the old one keeps reading it, whole; when it goes, the old one does."""
    old = put(object_store, "versions", OBJECTS)
    grant(broker, object_store, "versions", old, size=SIZE)
    first = make_pod()
    publish(node, first)
    wait_for("the copy", lambda: whole(cache_dir) == [old])
    node.unpublish(first, "claims")
    reader = make_pod()
    publish(node, reader)
    changed = OBJECTS | {"a": b"b" * 1000, "new": b"n"}
    new = put(object_store, "versions", changed)
    grant(broker, object_store, "versions", new, size=sum(map(len, changed.values())))
    publish(node, make_pod())
    wait_for("the new copy", lambda: set(whole(cache_dir)) == {old, new})
    same = [(cache_dir / "whole" / f"stewards_claims_{each}" / "objects/deep/er/b.csv").stat() for each in (old, new)]
    assert same[0].st_ino == same[1].st_ino, "what did not change is not brought again"
    later = make_pod()
    publish(node, later)
    assert read(node, reader) == digests(OBJECTS)
    assert read(node, later) == digests(changed)
    node.unpublish(reader, "claims")
    wait_for("the old one to go", lambda: whole(cache_dir) == [new])
    assert read(node, later) == digests(changed)


def test_what_may_not_stay_is_taken_away(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Also from a pod that reads it: it gets errors and no empty folder; the log says so."""
    version = put(object_store, "withdrawn", OBJECTS)
    grant(broker, object_store, "withdrawn", version, size=SIZE)
    first = make_pod()
    publish(node, first)
    wait_for("the copy", lambda: whole(cache_dir) == [version])
    pod = make_pod()
    publish(node, pod)
    ref = DatasetRef(*DATASET.split("/"))
    broker.standings[DATASET] = Standing(ref=ref, rule="ClearanceTooLow", message="re-classified")
    del broker.answers[DATASET]
    # A folder on which something is mounted can't be removed before its pod has gone; what was in it can.
    wait_for("it to go", lambda: whole(cache_dir) == [] and not any(map(Path.is_file, cache_dir.glob("trash/**/*"))))
    assert "not connected" in node.output("ls", str(pod.target("claims")))
    assert "ClearanceTooLow" in node.log.read_text()
    for each in (first, pod):
        node.unpublish(each, "claims")
        assert node.stack(each, "claims") == []
    wait_for("the folder to go", lambda: list((cache_dir / "trash").iterdir()) == [])


def test_what_its_dataset_asks_to_leave_leaves_once_nobody_reads_it(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """A reader keeps its copy until it ends; a copy that is made afterwards stays."""
    version = put(object_store, "evicted", OBJECTS)
    grant(broker, object_store, "evicted", version, size=SIZE)
    reader = make_pod()
    publish(node, reader)
    wait_for("the copy under its reader", lambda: node.stack(reader, "claims")[-1] != "fuse.moorage")
    broker.standings[DATASET] = replace(broker.standings[DATASET], evict_before=int(time.time()) + 1)
    publish(node, other := make_pod())
    wait_for("the moment", lambda: time.time() > int(broker.standings[DATASET].evict_before or 0) + 1)
    assert read(node, reader) == digests(OBJECTS)
    assert whole(cache_dir) == [version]
    node.unpublish(reader, "claims")
    node.unpublish(other, "claims")
    wait_for("it to leave", lambda: whole(cache_dir) == [])
    publish(node, make_pod())
    wait_for("the next copy", lambda: whole(cache_dir) == [version])
    looks = broker.looks
    wait_for("two more looks", lambda: broker.looks > looks + 1)
    assert whole(cache_dir) == [version]


def test_a_silent_broker_takes_nothing_away(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """What is held stays, and nobody new is given it."""
    version = put(object_store, "silent", OBJECTS)
    grant(broker, object_store, "silent", version, size=SIZE)
    pod = make_pod()
    publish(node, pod)
    wait_for("the copy", lambda: whole(cache_dir) == [version])
    broker.down = True
    wait_for("a look", lambda: "the broker does not say what may stay" in node.log.read_text())
    assert whole(cache_dir) == [version]
    assert node.stack(pod, "claims")


def test_a_near_source_is_not_copied(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """However often it is read; a cache in front of it would be slower."""
    version = put(object_store, "near", OBJECTS)
    terms = FillTerms(size_bytes=SIZE, far_seconds=SIZE / 1e9, listed_version=version)
    broker.grant(DATASET, object_store.source("near"), version=version, fill=terms)
    for _ in range(5):
        pod = make_pod()
        publish(node, pod)
        node.unpublish(pod, "claims")
    assert node.log.read_text().count("A cache does not pay on this node") == 5
    assert list((cache_dir / "filling").iterdir()) == []


def test_a_driver_that_is_killed_again_and_again_loses_nothing(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Readers read on, with the right bytes, whatever moment it is; the copy is whole in the end."""
    objects = {f"{number:03}": os.urandom(200_000) for number in range(100)}
    version = put(object_store, "killed", objects)
    grant(broker, object_store, "killed", version, size=sum(map(len, objects.values())))
    pod = make_pod()
    publish(node, pod)
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    script = """
import hashlib, os, sys
print("reading", flush=True)
while True:
    for name in sorted(os.listdir(sys.argv[1])):
        with open(f"{sys.argv[1]}/{name}", "rb") as file:
            print(name, hashlib.sha256(file.read()).hexdigest(), flush=True)
"""
    reader = node.start_container(pod, "claims", script)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"reading\n"
    chance = random.Random(1)  # noqa: S311 - the same moments each time
    seen: list[bytes] = []
    for _ in range(8):
        seen += [reader.stdout.readline() for _ in range(chance.randrange(1, 40))]
        node.stop_driver(signal.SIGKILL)
        seen += [reader.stdout.readline() for _ in range(10)]
        node.start_driver()
    wait_for("the copy", lambda: whole(cache_dir) == [version], 120)
    wait_for("the copy on top", lambda: node.stack(pod, "claims")[-1] != "fuse.moorage", 60)
    seen += [reader.stdout.readline() for _ in range(200)]
    reader.kill()
    expected = digests(objects)
    assert {tuple(line.decode().split()) for line in seen} <= set(expected.items())
    assert read(node, pod) == expected
    files = {path.name: path.read_bytes() for path in (cache_dir / "whole").glob("*/objects/*")}
    assert files == objects


def test_an_interrupted_fill_goes_on_once_the_broker_answers(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """After a power cut node plugin and broker start together; nobody need read anew."""
    version = put(object_store, "resumed", OBJECTS)
    broker.grant(DATASET, object_store.source("resumed", local=False), version=version)
    publish(node, make_pod())
    node.stop_driver(signal.SIGKILL)
    grant(broker, object_store, "resumed", version, size=SIZE)
    broker.down = True
    node.start_driver()
    wait_for("a word on the broker", lambda: "interrupted fills wait for the broker" in node.log.read_text())
    assert whole(cache_dir) == []
    broker.down = False
    wait_for("the copy", lambda: whole(cache_dir) == [version])


def test_a_fill_that_lacked_nothing_but_its_end_is_ended(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Killed when all had come and nothing was published, it is whole soon after the next start."""
    version = put(object_store, "ended-early", OBJECTS)
    grant(broker, object_store, "ended-early", version, size=SIZE)
    pod = make_pod()
    publish(node, pod)
    wait_for("the copy", lambda: whole(cache_dir) == [version])
    node.unpublish(pod, "claims")
    node.stop_driver(signal.SIGKILL)
    (published,) = (cache_dir / "whole").iterdir()
    (published / "summary.json").unlink()
    published.rename(cache_dir / "filling" / published.name)
    node.start_driver()
    publish(node, make_pod())
    wait_for("the copy again", lambda: whole(cache_dir) == [version])


def test_what_nobody_uses_makes_room_and_what_a_pod_uses_does_not(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Room for one: the second dataset streams while a pod reads the first, and comes once none does."""
    node.stop_driver()
    node.environment["MOORAGE_CACHE_SIZE_LIMIT"] = "3Mi"
    node.start_driver()
    version = put(object_store, "first", OBJECTS)
    grant(broker, object_store, "first", version, size=SIZE)
    reader = make_pod()
    publish(node, reader)
    wait_for("the copy under its reader", lambda: node.stack(reader, "claims")[-1] != "fuse.moorage")
    other = put(object_store, "other", OBJECTS | {"more": b"m"})
    terms = FillTerms(size_bytes=SIZE + 1, far_seconds=60.0, listed_version=other, asked=True)
    broker.grant("stewards/other", object_store.source("other", local=False), version=other, fill=terms)
    node.publish(make_pod(), "other", dataset="other", namespace="stewards")
    wait_for("a word on room", lambda: "a fill has no room" in node.log.read_text())
    assert whole(cache_dir) == [version]
    node.unpublish(reader, "claims")
    node.publish(make_pod(), "other", dataset="other", namespace="stewards")
    wait_for("the other copy", lambda: whole(cache_dir) == [other])
