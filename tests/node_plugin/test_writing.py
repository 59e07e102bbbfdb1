"""Pods write through the real driver, sidecar and kernel to a real S3 server: what is closed is there, whole."""

import errno
import hashlib
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from moorage.access import Access
from tests.node_plugin.object_stores import BUCKET, ObjectStore
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, rclones_of, wait_for
from tests.node_plugin.writing_table import OPERATIONS, render

DATASET = "stewards/results"
PAGE = Path(__file__).parents[2] / "docs" / "writing.md"

# Each line is told when close has returned: name and digest of what was closed, or the error that it had.
WRITER = """
import hashlib, os, sys, time
for number in range(10_000):
    body = os.urandom(1 + number * 7919 % 3_000_000)
    name = f"{number:04}"
    try:
        with open(f"{sys.argv[1]}/{name}", "wb", buffering=0) as file:
            for start in range(0, len(body), 100_000):
                file.write(body[start : start + 100_000])
        print("closed", name, hashlib.sha256(body).hexdigest(), flush=True)
    except OSError as error:
        print("failed", name, hashlib.sha256(body).hexdigest(), error.errno, flush=True)
        time.sleep(0.05)
"""


def test_the_page_has_the_table_that_is_tested() -> None:
    """Row by row."""
    assert render() in PAGE.read_text(encoding="utf-8")


def stored(store: ObjectStore, folder: str, name: str) -> bytes | None:
    """What an object holds; None where there is none."""
    try:
        body: bytes = store.client.get_object(Bucket=BUCKET, Key=f"{folder}/{name}")["Body"].read()
    except store.client.exceptions.NoSuchKey:
        return None
    return body


def names(store: ObjectStore, folder: str) -> list[str]:
    """All objects of a folder."""
    pages: list[dict[str, Any]] = list(
        store.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{folder}/")
    )
    return [each["Key"].removeprefix(f"{folder}/") for page in pages for each in page.get("Contents", [])]


def serve(
    node: Node, pod: FakePod, broker: PlayedBroker, source: dict[str, Any], *, readonly: bool = False
) -> subprocess.Popen[bytes]:
    """Publish a volume for a writer, as the kubelet does, and start the pod's sidecar."""
    broker.grant(DATASET, source, access=Access.READ_WRITE)
    publish = node.publish if readonly else node.publish_to_write
    publish(pod, "results", dataset="results", namespace="stewards")
    sidecar = node.start_sidecar(pod, "results")
    node.wait_ready(pod, "results")
    return sidecar


def run(node: Node, pod: FakePod, script: str) -> str:
    """What an app of the pod prints."""
    text, _ = node.start_container(pod, "results", script).communicate(timeout=120)
    return text.decode()


# Each row in a folder and a process of its own.
TABLE = """
import os, sys, time
for number, code in enumerate({codes!r}):
    child = os.fork()
    if not child:
        at = f"{{sys.argv[1]}}/{{number}}"
        try:
            exec(code)
            outcome = 0
        except OSError as error:
            outcome = error.errno
        os._exit(outcome)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.real
def test_each_row_of_the_table(node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker) -> None:
    """As any user, in a container that is not the mount server's."""
    for number in range(len(OPERATIONS)):
        object_store.client.put_object(Bucket=BUCKET, Key=f"table/{number}/old", Body=b"before")
    pod = make_pod()
    serve(node, pod, broker, object_store.source("table"))
    told = run(node, pod, TABLE.format(codes=[operation.code for operation in OPERATIONS])).split()
    seen = {operation.words: int(code) for operation, code in zip(OPERATIONS, told, strict=True)}
    assert seen == {each.words: getattr(errno, each.error) if each.error else 0 for each in OPERATIONS}
    named = [(number, each) for number, each in enumerate(OPERATIONS) if each.name]
    held = {each.words: stored(object_store, f"table/{number}", each.name) for number, each in named}
    assert held == {each.words: each.body for _, each in named}


@pytest.mark.real
def test_what_is_closed_is_in_the_store(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """The moment that close has returned, and not before; into a folder that holds nothing yet."""
    pod = make_pod()
    serve(node, pod, broker, object_store.source("closing"))
    script = """
import sys, time
file = open(sys.argv[1] + "/big", "wb", buffering=0)
for _ in range(40): file.write(b"x" * 1_000_000)
print("written", flush=True)
time.sleep(1)
file.close()
print("closed", flush=True)
time.sleep(1)
"""
    app = node.start_container(pod, "results", script)
    assert app.stdout is not None
    assert app.stdout.readline() == b"written\n"
    assert names(object_store, "closing") == []
    assert app.stdout.readline() == b"closed\n"
    assert stored(object_store, "closing", "big") == b"x" * 40_000_000
    app.communicate(timeout=30)


@pytest.mark.real
def test_a_volume_that_wants_to_read_only_is_read_only(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """Whatever the broker would permit; and a reader's mount stays what it was, whatever its spec says."""
    script = "import sys\ntry: open(sys.argv[1] + '/x', 'w')\nexcept OSError as error: print(error.errno)"
    pod = make_pod()
    serve(node, pod, broker, object_store.source("wanting"), readonly=True)
    assert run(node, pod, script).strip() == str(errno.EROFS)
    reader = make_pod()
    object_store.client.put_object(Bucket=BUCKET, Key="wanting/y", Body=b"y")
    broker.grant(DATASET, object_store.source("wanting"))
    node.publish_to_write(reader, "results", dataset="results", namespace="stewards")
    node.start_sidecar(reader, "results")
    node.wait_ready(reader, "results")
    assert run(node, reader, script).strip() == str(errno.EROFS)


@pytest.mark.real
def test_servers_that_are_killed_lose_nothing_that_was_closed(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """Again and again, under a writer: it sees an error, or what it closed is there; and nothing is there in part."""
    pod = make_pod()
    sidecar = serve(node, pod, broker, object_store.source("killing"))
    app = node.start_container(pod, "results", WRITER)
    assert app.stdout is not None
    lines: list[list[str]] = []
    for kill in range(6):
        closed = 0
        while closed < 3:
            lines.append(app.stdout.readline().decode().split())
            closed += lines[-1][0] == "closed"
        time.sleep(0.03 * kill)
        if kill == 3:
            os.killpg(sidecar.pid, signal.SIGKILL)
            sidecar.wait()
            sidecar = node.start_sidecar(pod, "results")
        else:
            os.kill(wait_for("a server", partial(rclones_of, sidecar))[0], signal.SIGKILL)
    while lines[-1][0] != "closed":
        lines.append(app.stdout.readline().decode().split())
    app.kill()
    rest, _ = app.communicate(timeout=30)
    lines += [line.split() for line in rest.decode().splitlines() if line.count(" ") > 1]
    expected = {line[1]: line[2] for line in lines}
    assert {line[0] for line in lines} == {"closed", "failed"}
    bodies = {
        name: stored(object_store, "killing", name) for name in names(object_store, "killing") if name in expected
    }
    found = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items() if body is not None}
    for line in lines:
        if line[0] == "closed":
            assert found[line[1]] == line[2]
    assert found.items() <= expected.items()


@pytest.mark.real
def test_a_node_plugin_that_is_killed_disturbs_no_writer(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """The next one knows that the volume may be written, and heals it so."""
    pod = make_pod()
    sidecar = serve(node, pod, broker, object_store.source("driver"))
    node.stop_driver(signal.SIGKILL)
    script = "import sys\nopen(sys.argv[1] + '/{}', 'wb').write(b'{}')"
    run(node, pod, script.format("during", 1))
    assert stored(object_store, "driver", "during") == b"1"
    node.start_driver()
    os.kill(rclones_of(sidecar)[0], signal.SIGKILL)
    wait_for("the next server", lambda: len(node.stack(pod, "results")) > 2)
    node.wait_ready(pod, "results")
    run(node, pod, script.format("after", 2))
    assert stored(object_store, "driver", "after") == b"2"


@pytest.mark.real
def test_a_writer_whose_right_ends_gets_an_error_and_stores_nothing_more(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """What it had open is not stored; what it had closed stays."""
    node.stop_driver()
    node.environment["MOORAGE_REVIEW_SECONDS"] = "0.2"
    node.start_driver()
    pod = make_pod()
    serve(node, pod, broker, object_store.source("ended"))
    script = """
import os, sys, time
folder = sys.argv[1]
open(folder + "/before", "wb").write(b"1")
held = open(folder + "/held", "wb", buffering=0)
held.write(b"half of it")
print("open", flush=True)
while True:
    try: held.write(b" and more")
    except OSError: break
    time.sleep(0.02)
for act in (held.close, lambda: open(folder + "/later", "wb")):
    try: act()
    except OSError as error: print("failed", flush=True)
    else: print("went well", flush=True)
"""
    app = node.start_container(pod, "results", script)
    assert app.stdout is not None
    assert app.stdout.readline() == b"open\n"
    broker.revoke(DATASET)
    said, _ = app.communicate(timeout=60)
    assert said.decode().split() == ["failed", "failed"]
    wait_for("the sidecar's word", lambda: node.readiness(pod, "results")[0] != 0)
    assert names(object_store, "ended") == ["before"]
