"""`moorage runs logs` and `report` against a real API server and a real store, with keys of one's own."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.runs import RunKeys, RunRef
from moorage_cli.main import moorage
from moorage_cli.running import run as run_command
from tests.dataset_operator.stores import BUCKET, STEWARD, STRANGER, Store, run_store
from tests.world import World, make_world

Told = tuple[int, str, str]
Command = Callable[..., Told]
API = "moorage.dev/v1alpha1"


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """Namespaces of this room, with the CRDs."""
    with make_world(plane, "clilogs") as made:
        yield made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


class Logged:
    """A run whose logs the test writes."""

    def __init__(self, world: World, store: Store, site: str, name: str) -> None:
        self.world = world
        self.store = store
        self.site = site
        self.name = name
        found = json.loads(world.kubectl("get", "stretchedpipeline", name, "-n", world.reader, "-o", "json"))
        self.keys = RunKeys(site, RunRef(world.reader, name, found["metadata"]["uid"]))

    def says(self, phase: str, *, plan: str = "", **tasks: str) -> None:
        """Write the status."""
        told = [{"name": task, "phase": at, "site": self.site, "attempt": 1} for task, at in tasks.items()]
        groups = [{"id": f"{self.site}-1", "site": self.site, "phase": "Running"}]
        status: dict[str, Any] = {"phase": phase, "tasks": told, "groups": groups}
        if plan:
            status["plan"] = {"digest": "ab" * 32, "file": plan}
        self.world.set_status("stretchedpipeline", self.name, status, self.world.reader)

    def put(self, task: str, attempt: int, what: str, content: bytes) -> None:
        """Write an object of an attempt."""
        self.store.put({self.keys.task(task, attempt, what): content})


@pytest.fixture
def logged(world: World, store: Store) -> Iterator[Logged]:
    """A run at a site of its own; the Secret with the store's keys is in the steward's namespace."""
    tag = uuid.uuid4().hex[:6]
    site, name = f"site-{tag}", f"run-{tag}"
    s3 = {"endpoint": store.endpoint, "bucket": BUCKET, "prefix": site, "secretRef": {"name": f"keys-{tag}"}}
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    world.apply(
        {"apiVersion": API, "kind": "Site", "metadata": {"name": site}, "spec": {"artifactStore": {"s3": s3}}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"keys-{tag}", "namespace": world.steward},
            "stringData": keys,
        },
        {
            "apiVersion": API,
            "kind": "StretchedPipeline",
            "metadata": {"name": name, "namespace": world.reader},
            "spec": {"pipeline": {"inline": "none"}},
        },
    )
    yield Logged(world, store, site, name)
    world.kubectl("delete", "site", site)


@pytest.fixture
def command(
    world: World, logged: Logged, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Command:
    """`moorage runs logs RUN ...`, or `moorage runs report RUN ...`."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MOORAGE_SERVER"):
        monkeypatch.delenv(name, raising=False)

    def type_in(*words: str, verb: str = "logs", system: str = "") -> Told:
        capfdbinary.readouterr()
        where = ["-n", world.reader, "--system-namespace", system or world.steward]
        code = run_command(moorage, "moorage", ["runs", verb, logged.name, *words, *where])
        told = capfdbinary.readouterr()
        return code, told.out.decode(), told.err.decode()

    return type_in


def test_what_a_task_printed(logged: Logged, command: Command) -> None:
    """Of its last attempt, or of another one; without a name, of those that failed."""
    logged.says("Failed", make="Succeeded", train="Failed")
    logged.put("make", 1, "log", b"made\n")
    logged.put("train", 1, "log", b"first\n")
    logged.put("train", 2, "log", b"second\n")
    assert command("make") == (0, "made\n", "")
    assert command("train") == (0, "second\n", "")
    assert command("train", "--attempt", "1") == (0, "first\n", "")
    assert command() == (0, "second\n", "")
    assert command("--all") == (0, "[make] made\n[train] second\n", "")


def test_a_log_is_followed_to_its_end(logged: Logged, command: Command) -> None:
    """Through its parts, the whole log, and an attempt that follows; then the command ends by itself."""
    logged.says("Running", train="Running")
    logged.put("train", 1, "log.1", b"one\n")

    def play() -> None:
        logged.put("train", 1, "log.2", b"two\n")
        logged.put("train", 1, "log", b"one\ntwo\nthree\n")
        logged.put("train", 2, "log", b"again\n")
        logged.says("Succeeded", train="Succeeded")

    timer = threading.Timer(3, play)
    timer.start()
    code, out, err = command("train", "--follow")
    timer.join()
    assert (code, out) == (0, "one\ntwo\nthree\nagain\n")
    assert "attempt 2 of task train" in err


def test_all_logs_are_followed(logged: Logged, command: Command) -> None:
    """Also of tasks that begin meanwhile."""
    logged.says("Running", make="Running", train="Pending")
    logged.put("make", 1, "log.1", b"made\n")

    def play() -> None:
        logged.put("make", 1, "log", b"made\nall\n")
        logged.put("train", 1, "log", b"trained\n")
        logged.says("Succeeded", make="Succeeded", train="Succeeded")

    timer = threading.Timer(3, play)
    timer.start()
    code, out, _ = command("--all", "-f")
    timer.join()
    assert code == 0
    assert out.splitlines() == ["[make] made", "[make] all", "[train] trained"]


def test_keys_of_ones_own(logged: Logged, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the Secret can't be read, AWS's variables count; without these, the message names both other ways."""
    logged.says("Failed", train="Failed")
    logged.put("train", 1, "log", b"told\n")
    code, _, err = command("train", system=logged.world.reader)
    assert code == 1
    assert "--server" in err
    assert "AWS_ACCESS_KEY_ID" in err
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STRANGER.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STRANGER.secret_access_key)
    code, _, err = command("train", system=logged.world.reader)
    assert (code, "refuses the keys" in err) == (1, True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STEWARD.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STEWARD.secret_access_key)
    assert command("train", system=logged.world.reader) == (0, "told\n", "")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["absent"], 1, "has no task absent; it has make"),
        (["absent", "--follow"], 1, "has no task absent; it has make"),
        (["make"], 1, "There is no log yet: task make is Running; run run-"),
        (["make", "--attempt", "2"], 1, "Task make has had 1 attempt; there is no attempt 2."),
        ([], 2, "no task has failed"),
        (["--all", "make"], 2, "is one task"),
        (["--attempt", "2"], 2, "name it"),
        (["../../other/1"], 2, "is no name of a task"),
        (["make", "--server", "http://example.org"], 2, "must begin with https://"),
    ],
)
def test_what_can_not_be_shown(logged: Logged, command: Command, words: list[str], code: int, message: str) -> None:
    """Each case says what to do."""
    logged.says("Running", make="Running")
    told: Any = command(*words)
    assert told[0] == code
    assert message in told[2]


def test_the_report_of_a_plan_and_of_a_run(logged: Logged, command: Command, tmp_path: Path) -> None:
    """Of a plan that was made anew, too; then of the run; into a file, or on stdout; none where there is no page."""
    logged.says("Planning")
    assert "has no plan: it is Planning" in command(verb="report")[2]
    logged.says("Running", plan="2/plan.json")
    code, _, err = command(verb="report")
    assert (code, "no artifact store has 2/report.html" in err) == (1, True)
    logged.store.put({logged.keys.plan("2/report.html"): b"<html>anew</html>"})
    file = tmp_path / "page.html"
    code, out, _ = command("-o", str(file), verb="report")
    assert (code, file.read_bytes(), str(file) in out) == (0, b"<html>anew</html>", True)
    assert command("-o", "-", verb="report") == (0, "<html>anew</html>", "")
    logged.store.put({f"{logged.keys.root}report.html": b"<html>beside</html>"})
    assert command("-o", "-", verb="report") == (0, "<html>beside</html>", "")
    assert command("-o", "-", "--plan", verb="report") == (0, "<html>anew</html>", "")
    assert command("-o", "-", "--open", verb="report")[0] == 2
    assert command("-o", str(tmp_path / "no" / "page.html"), verb="report")[0] == 2
