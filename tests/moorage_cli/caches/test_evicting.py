"""`kubectl dataset evict` against a real API server; the node is played: its NodeCache says what it holds."""

import json
from collections.abc import Callable, Iterator

import pytest

from devcluster.cluster import Cluster
from moorage_cli.kubectl_dataset import kubectl_dataset
from moorage_cli.running import run
from tests.world import World, make_world

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """A dataset, and a node with a copy of it."""
    with make_world(plane, "evict") as made:
        made.apply(made.dataset("claims", made.eu))
        yield made
        made.kubectl("delete", "nodecaches", made.node("eu-a"), made.node("us-a"), "--ignore-not-found")


@pytest.fixture
def dataset(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`kubectl dataset ...`: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(kubectl_dataset, "kubectl dataset", words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def hold(world: World, node: str, size: int) -> None:
    """The node tells that it has a copy, or none."""
    name = world.node(node)
    world.apply({"apiVersion": "moorage.dev/v1alpha1", "kind": "NodeCache", "metadata": {"name": name}})
    entry = {"namespace": world.steward, "name": "claims", "version": "v1", "bytes": size}
    world.set_status("nodecache", name, {"datasets": [entry] if size else []})


def asked(world: World) -> list[dict[str, str]]:
    """What the Dataset asks for."""
    found: list[dict[str, str]] = world.get("dataset", "claims", world.steward)["spec"]["cache"]["evict"]
    return found


def test_what_is_not_said_is_not_evicted(dataset: Command, world: World) -> None:
    """Neither by accident nor at a Site that is none."""
    assert dataset("evict", "claims", "-n", world.steward)[0] == 2
    assert dataset("evict", "claims", "-n", world.steward, "--all", "--site", world.eu)[0] == 2
    code, _, err = dataset("evict", "claims", "-n", world.steward, "--site", "nowhere")
    assert (code, "there is no Site nowhere" in err) == (1, True)
    assert "cache" not in world.get("dataset", "claims", world.steward)["spec"]
    assert dataset("evict", "absent", "-n", world.steward, "--all")[0] == 1


def test_a_copy_that_is_gone_or_used(dataset: Command, world: World) -> None:
    """Exit codes tell; who uses a copy is named; a mode that was set stays."""
    about = ["evict", f"{world.steward}/claims"]
    patch = json.dumps({"spec": {"cache": {"mode": "always"}}})
    world.kubectl("patch", "dataset", "claims", "-n", world.steward, "--type=merge", "-p", patch)
    hold(world, "eu-a", 0)
    assert dataset(*about, "--site", world.eu)[0] == 0
    hold(world, "us-a", 5)
    assert dataset(*about, "--site", world.eu)[0] == 0, "a copy at another site is not meant"
    code, out, err = dataset(*about, "--node", world.node("us-a"), "--timeout", "1s")
    assert (code, "the node has not answered yet" in err) == (1, True), out
    assert [{key for key in each if key != "before"} for each in asked(world)] == [{"site"}, {"node"}]
    world.apply(world.pod("using", nodeName=world.node("us-a")))
    world.set_status("dataset", "claims", {"inUseBy": [f"{world.reader}/using"], "inUseCount": 1}, world.steward)
    code, _, err = dataset(*about, "--all", "--timeout", "60s")
    told = f"{world.node('us-a')} has 5 B, used by {world.reader}/using: it leaves once it has ended\n"
    assert (code, err) == (1, told)
    assert dataset(*about, "--all", "--no-wait")[0] == 0
    (only,) = asked(world)
    assert set(only) == {"before"}
    assert world.get("dataset", "claims", world.steward)["spec"]["cache"]["mode"] == "always"
