"""The extender behind a real kube-scheduler: what a person sees, and where pods land."""

import json

import pytest

from moorage.model import API_VERSION
from tests.scheduler_plugin.conftest import Extender, run_extender
from tests.world import World, eventually

pytestmark = pytest.mark.usefixtures("moorage_scheduler")


def node_of(world: World, pod: str) -> str:
    """The node that the pod was bound to, once it was."""
    name: str = eventually(lambda: world.get("pod", pod, world.reader)["spec"].get("nodeName"))
    return name


def refusal(world: World, pod: str, about: str) -> str:
    """The scheduler's event on the pod that speaks of something, once there is one."""

    def look() -> str | None:
        listed = ["get", "events", "-n", world.reader, "--field-selector", f"involvedObject.name={pod}", "-o", "json"]
        notes = [event["message"] for event in json.loads(world.kubectl(*listed))["items"]]
        return next((note for note in notes if about in note), None)

    return eventually(look)


@pytest.fixture(autouse=True)
def _no_pods_left(world: World) -> None:
    """Each test has the nodes for itself."""
    world.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "-n", world.reader)


@pytest.mark.usefixtures("extender")
def test_a_pod_lands_where_the_rules_allow(world: World) -> None:
    """Its author named no node and no site."""
    world.apply(world.dataset("claims", world.us, world.eu, residency=["EU"], purposes=["research"]))
    world.apply(world.pod("train", "claims"))
    assert node_of(world, "train") in {world.node("eu-a"), world.node("eu-b")}


@pytest.mark.usefixtures("extender")
def test_the_event_names_rule_and_site(world: World) -> None:
    """A pod whose selector leaves only nodes that the rules refuse stays Pending, and says why."""
    world.apply(world.dataset("claims", world.eu, residency=["EU"]), world.pod("far", "claims", site=world.us))
    assert (
        f"1 dataset {world.steward}/claims: site {world.us} (US) is outside its residency EU (ResidencyViolated)"
        in refusal(world, "far", "ResidencyViolated")
    )
    assert "nodeName" not in world.get("pod", "far", world.reader)["spec"]


@pytest.mark.usefixtures("extender")
def test_reasons_of_a_site_are_added_up(world: World) -> None:
    """Two nodes of one site are one item of the event, with a count; the node of no site has its own."""
    world.apply(world.dataset("claims", world.eu, sites={"allow": ["nowhere"]}), world.pod("none", "claims"))
    note = refusal(world, "none", "SiteNotAllowed")
    assert f"2 dataset {world.steward}/claims: site {world.eu} is not one of its sites nowhere (SiteNotAllowed)" in note
    assert f"1 dataset {world.steward}/claims: site {world.us} is not one of its sites nowhere (SiteNotAllowed)" in note
    assert "the node belongs to no site (SiteUnknown)" in note


@pytest.mark.usefixtures("extender")
def test_labels_that_cannot_be_read_are_told_in_the_event(world: World) -> None:
    """Field and remedy, not an error code."""
    pod = world.pod("odd")
    pod["metadata"]["labels"] = {"dataset.0.useas": "mount"}
    world.apply(pod)
    assert "metadata.labels[dataset.0.id]: is required beside dataset.0.useas" in refusal(world, "odd", "dataset.0.id")


@pytest.mark.usefixtures("extender")
@pytest.mark.parametrize("side", ["eu", "us"])
def test_the_score_brings_pods_to_the_bytes(world: World, side: str) -> None:
    """Both sites are allowed, and the emptier site would win without the score: six pods all go where the copy is."""
    site = getattr(world, side)
    world.apply(world.dataset("big", site))
    world.set_status("dataset", "big", {"bytes": 50 * 10**9, "version": "v1"}, world.steward)
    names = [f"{side}-{number}" for number in range(6)]
    world.apply(*(world.pod(name, "big") for name in names))
    expected = {world.node("eu-a"), world.node("eu-b")} if side == "eu" else {world.node("us-a")}
    assert {node_of(world, name) for name in names} <= expected


def test_a_cached_copy_draws_pods(world: World, extender: Extender) -> None:
    """Two nodes at the same site: the one that holds the version's bytes gets the pods."""
    holder = world.node("eu-b")
    world.apply(
        world.dataset("hot", world.eu),
        {"apiVersion": API_VERSION, "kind": "NodeCache", "metadata": {"name": holder}},
    )
    world.set_status("dataset", "hot", {"bytes": 10**9, "version": "v1"}, world.steward)
    held = {"namespace": world.steward, "name": "hot", "version": "v1", "bytes": 10**9}
    world.set_status("nodecache", holder, {"datasets": [held]})
    asked = {"Pod": world.pod("warm", "hot"), "NodeNames": [world.node("eu-a"), holder]}

    def score_of_holder() -> bool:
        scores = {entry["Host"]: entry["Score"] for entry in extender.post("/prioritize", asked)}
        return scores == {world.node("eu-a"): 0, holder: 10}

    eventually(score_of_holder)
    names = [f"warm-{number}" for number in range(4)]
    world.apply(*(world.pod(name, "hot") for name in names))
    assert {node_of(world, name) for name in names} == {holder}
    world.kubectl("delete", "nodecache", holder)


@pytest.mark.usefixtures("extender")
@pytest.mark.parametrize("touch", ["annotation", "condition"])
def test_a_waiting_pod_runs_once_the_steward_allows_the_site(world: World, touch: str) -> None:
    """The scheduler does not watch Datasets: it asks again when the pod is touched, its status as well as the rest."""
    world.apply(world.dataset("claims", world.eu, residency=["EU"]), world.pod("patient", "claims", site=world.us))
    refusal(world, "patient", "ResidencyViolated")
    world.apply(world.dataset("claims", world.eu, residency=["EU", "US"]))
    if touch == "annotation":
        world.kubectl("annotate", "pod", "patient", "-n", world.reader, "moorage.dev/asked-again=1")
    else:
        condition = {"type": "moorage.dev/Requeued", "status": "True", "reason": "Changed"}
        patch = json.dumps({"status": {"conditions": [condition]}})
        world.kubectl("patch", "pod", "patient", "-n", world.reader, "--subresource=status", "-p", patch)
    assert node_of(world, "patient") == world.node("us-a")


def test_without_the_extender_labelled_pods_wait_and_others_run(world: World, extender_port: int) -> None:
    """A labelled pod is not placed unasked; one of the cluster's own scheduler never knew of us."""
    world.apply(
        world.dataset("claims", world.eu, residency=["EU"]),
        world.pod("asks", "claims"),
        world.pod("plain", schedulerName="default-scheduler"),
        # Were the cluster's own scheduler to ask the extender, this pod could not be placed at us-1.
        world.pod("unasked", "claims", site=world.us, schedulerName="default-scheduler"),
    )
    assert node_of(world, "plain")
    assert node_of(world, "unasked") == world.node("us-a")
    assert "connection refused" in refusal(world, "asks", "filter")
    with run_extender(world.cluster, extender_port):
        assert node_of(world, "asks") in {world.node("eu-a"), world.node("eu-b")}


def test_sites_are_scored_for_others(world: World, extender: Extender) -> None:
    """What the splitter and the command line ask: per site the decision, seconds and score."""
    world.apply(world.dataset("claims", world.eu, residency=["EU"]))
    world.set_status("dataset", "claims", {"bytes": 10**9, "version": "v1"}, world.steward)
    labels = {"dataset.0.id": "claims", "dataset.0.namespace": world.steward}
    asked = {"namespace": world.reader, "serviceAccount": "trainer", "labels": labels}

    def look() -> dict[str, dict[str, object]] | None:
        answer = extender.post("/sites/score", asked)
        sites = {entry["site"]: entry for entry in answer["sites"]}
        return sites if sites.get(world.eu, {}).get("seconds") == 1.0 else None

    sites = eventually(look)
    assert sites[world.eu]["allowed"] is True
    assert sites[world.us]["rule"] == "ResidencyViolated"
    assert sites[world.us]["seconds"] is None


def test_the_process_ends_on_sigterm(world: World, extender_port: int) -> None:
    """In order, with exit code 0."""
    with run_extender(world.cluster, extender_port) as running:
        pass
    assert running.process.returncode == 0
