"""The scenes: each acts as a user would, shows the real output, and raises SceneError where a promise broke."""

import json
from functools import partial

from demo import servers
from demo.copying import a_node_copies_it_ahead, let_copies_go
from demo.errors import SceneError
from demo.planning import a_pipeline_is_planned
from demo.platform import WORKLOADS, wait_for_rollout
from demo.running import a_pipeline_runs_across_clusters
from demo.stage import CONSUMER, STEWARD, STRANGER, SYSTEM, Command, Stage
from demo.writing import a_pod_writes_and_the_next_reads

KILLS = 5


def expect(holds: bool, promise: str, seen: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    """Raise SceneError where a promise was not kept."""
    if not holds:
        raise SceneError(f"expected that {promise}, but saw:\n{seen}")


def a_dataset_is_declared(stage: Stage) -> None:
    """A steward declares a Dataset, and within seconds it tells what is there."""
    stage.apply("dataset.yaml")

    def look() -> str | None:
        conditions = stage.get("dset", "flights", "-n", STEWARD).get("status", {}).get("conditions", [])
        reasons = [each["reason"] for each in conditions if each["type"] == "Ready" and each["status"] == "True"]
        return reasons[0] if reasons else None

    stage.wait("the Dataset to be Ready", look, 30)
    listed = stage.kubectl("get", "dset", "-n", STEWARD)
    stage.show(f"kubectl get dset -n {STEWARD}", listed.out)
    status = stage.get("dset", "flights", "-n", STEWARD)["status"]
    expect(status["objects"] == len(stage.flights.files), "every object is counted", listed.out)
    expect(status["bytes"] == stage.flights.size_bytes, "the bytes are counted", listed.out)
    expect(status["format"] == "parquet", "the format is recognised", listed.out)
    described = stage.kubectl("dataset", "describe", "flights", "-n", STEWARD)
    stage.show(f"kubectl dataset describe flights -n {STEWARD}", described.out)
    expect("dep_delay" in described.out and "EU" in described.out, "schema and rules are described", described.out)


def a_labelled_pod_reads_it(stage: Stage) -> None:
    """A pod that names the data by labels lands at the right site and reads the very bytes that were uploaded."""
    stage.delete_pod("reader")
    stage.apply("reader.yaml")
    expect(stage.wait_for_phase("reader", {"Succeeded", "Failed"}) == "Succeeded", "it succeeds", stage.logs("reader"))
    where = stage.kubectl("get", "pod", "reader", "-n", CONSUMER, "-o", "wide")
    stage.show(f"kubectl get pod reader -n {CONSUMER} -o wide", where.out)
    pod = stage.get("pod", "reader", "-n", CONSUMER)
    expect(pod["spec"]["nodeName"].startswith("eu-1"), "it lands at eu-1", where.out)
    printed = stage.logs("reader")
    stage.show(f"kubectl logs reader -n {CONSUMER}", printed)
    expect(f"rows {stage.flights.rows}" in printed, f"{stage.flights.rows} rows are read", printed)
    expect(f"sha256 {stage.flights.checksum}" in printed, "the checksum is what was uploaded", printed)
    everything = stage.kubectl(
        "get", "pods,secrets,configmaps,events,dset", "-n", CONSUMER, "-o", "json"
    ).out + json.dumps(stage.get("dset", "-n", STEWARD))
    leaked = [secret for secret in stage.secrets if secret in everything]
    expect(not leaked, "no key is in the consumer's namespace nor in a status", f"{len(leaked)} keys")
    stage.tell(
        f"{stage.flights.rows} rows, the checksum of the upload; namespace {CONSUMER} enforces Pod Security "
        "'restricted' and holds no key."
    )


def without_a_purpose_it_is_refused(stage: Stage) -> None:
    """The same pod without a purpose is refused at admission, with what to do about it."""
    done = stage.apply("purposeless.yaml", check=False)
    expect(done.code != 0 and "moorage.dev/purpose" in done.text, "the refusal names the label", done.text)


def at_the_wrong_site_it_waits_until_the_steward_allows_it(stage: Stage) -> None:
    """Tied to the other site it waits, with the reason; once the steward allows the site it runs, untouched."""
    stage.delete_pod("overseas")
    stage.apply("overseas.yaml")
    event = stage.wait_for_event("overseas", "FailedScheduling", "us-1", "flights")
    stage.show(f"kubectl events -n {CONSUMER} --for pod/overseas", event)
    before = stage.get("pod", "overseas", "-n", CONSUMER)
    expect(before["status"]["phase"] == "Pending", "it waits", json.dumps(before["status"]))
    explained = stage.kubectl("dataset", "why", "overseas", "-n", CONSUMER, check=False)
    stage.show(f"kubectl dataset why overseas -n {CONSUMER}", explained.text)
    try:
        _set_residency(stage, ["EU", "US"])
        stage.wait_for_phase("overseas", {"Running", "Succeeded"}, seconds=45)
        stage.wait_for_phase("overseas", {"Succeeded", "Failed"})
    finally:
        _set_residency(stage, ["EU"], show=False)
    after = stage.get("pod", "overseas", "-n", CONSUMER)
    where = stage.kubectl("get", "pod", "overseas", "-n", CONSUMER, "-o", "wide")
    stage.show(f"kubectl get pod overseas -n {CONSUMER} -o wide", where.out)
    expect(after["metadata"]["uid"] == before["metadata"]["uid"], "it is the very same pod", where.out)
    expect(after["spec"]["nodeName"].startswith("us-1"), "it runs at us-1", where.out)
    printed = stage.logs("overseas")
    expect(f"sha256 {stage.flights.checksum}" in printed, "it reads the right bytes from afar", printed)


def _set_residency(stage: Stage, places: list[str], *, show: bool = True) -> Command:
    patch = json.dumps({"spec": {"governance": {"residency": places}}})
    done = stage.kubectl("patch", "dset", "flights", "-n", STEWARD, "--type=merge", "-p", patch)
    if show:
        stage.show(f"kubectl patch dset flights -n {STEWARD} --type=merge -p '{patch}'", done.out)
    return done


def a_hand_written_volume_is_refused(stage: Stage) -> None:
    """A volume written by hand gets no more than a label would: the node plugin refuses it."""
    stage.delete_pod("intruder", namespace=STRANGER)
    stage.apply("intruder.yaml")
    event = stage.wait_for_event("intruder", "FailedMount", "stewards/flights", namespace=STRANGER)
    stage.show(f"kubectl events -n {STRANGER} --for pod/intruder", event)
    pod = stage.get("pod", "intruder", "-n", STRANGER)
    expect(pod["status"]["phase"] == "Pending", "its container never starts", json.dumps(pod["status"]))
    stage.delete_pod("intruder", namespace=STRANGER)


def a_killed_server_heals_under_the_app(stage: Stage) -> None:
    """The server behind a mount is killed again and again; the app goes on, and never reads a wrong byte."""
    stage.delete_pod("looping")
    let_copies_go(stage)
    stage.apply("looping.yaml")
    stage.wait_for_phase("looping", {"Running"})
    stage.wait("the first read", lambda: _reads(stage) or None)
    for round_number in range(1, KILLS + 1):
        killed = servers.kill(stage.cluster, stage.get("pod", "looping", "-n", CONSUMER))
        stage.tell(f"kill -9 {killed.pid} ({killed.name}), round {round_number} of {KILLS}")
        healed = stage.wait("reads to succeed again", partial(_first_good_after, stage, killed.at), 60)
        stage.tell(f"opened and read rightly again {healed - killed.at:.1f} s later")
    results = _reads(stage)
    good = [read for read in results if not read["result"].startswith("failed")]
    checksums = {read["result"] for read in good}
    pod = stage.get("pod", "looping", "-n", CONSUMER)
    restarts = pod["status"]["containerStatuses"][0]["restartCount"]
    stage.tell(
        f"{len(good)} of {len(results)} reads succeeded, {len(checksums)} checksum, {restarts} restarts of the app"
    )
    expect(checksums == {servers.checksum(stage.flights.files[0])}, "every checksum is right", str(checksums))
    expect(restarts == 0, "the app was never restarted", str(restarts))
    stage.delete_pod("looping")


def _reads(stage: Stage) -> list[dict[str, str]]:
    return [json.loads(line) for line in stage.logs("looping").splitlines() if line.startswith("{")]


def _first_good_after(stage: Stage, moment: float) -> float | None:
    """Return the time of the first good read after which none failed; None where there is none."""
    later = [read for read in _reads(stage) if float(read["at"]) > moment]
    good = [float(read["at"]) for read in later if not read["result"].startswith("failed")]
    settled = len(later) >= 5 and all(not read["result"].startswith("failed") for read in later[-5:])  # noqa: PLR2004
    return min(good) if settled else None


def while_moorage_is_down_others_run(stage: Stage) -> None:
    """Show that without Moorage an unlabelled pod runs, and a labelled one is refused with a sentence."""
    replicas = servers.count_replicas(stage)
    try:
        servers.stop_everything(stage)
        stage.delete_pod("plain", "reader")
        stage.apply("plain.yaml")
        expect(stage.wait_for_phase("plain", {"Succeeded", "Failed"}) == "Succeeded", "it runs", stage.logs("plain"))
        stage.show(f"kubectl logs plain -n {CONSUMER}", stage.logs("plain"))
        done = stage.apply("reader.yaml", check=False)
        expect(done.code != 0 and "flights" in done.text, "a labelled pod is refused with a sentence", done.text)
    finally:
        servers.start_everything(stage, replicas)
    for workload in WORKLOADS:
        wait_for_rollout(stage, workload)
    pods = stage.kubectl("get", "pods", "-n", SYSTEM)
    stage.show(f"kubectl get pods -n {SYSTEM}", pods.out)
    stage.apply("reader.yaml")
    expect(stage.wait_for_phase("reader", {"Succeeded", "Failed"}) == "Succeeded", "it is served again", pods.out)
    stage.tell("Moorage runs again, and the same pod is served.")


SCENES = (
    ("A steward declares a Dataset", a_dataset_is_declared),
    ("A labelled pod reads it", a_labelled_pod_reads_it),
    ("The same pod without a purpose is refused", without_a_purpose_it_is_refused),
    ("At the wrong site it waits, until the steward allows it", at_the_wrong_site_it_waits_until_the_steward_allows_it),
    ("A volume written by hand gets no more than a label would", a_hand_written_volume_is_refused),
    ("The server behind a mount is killed, again and again", a_killed_server_heals_under_the_app),
    ("A node copies it ahead, and the next pod reads at the disk's speed", a_node_copies_it_ahead),
    ("A pod writes a Dataset, the next one reads it, and the evidence proves both", a_pod_writes_and_the_next_reads),
    ("Moorage stopped: others run as if it were not there", while_moorage_is_down_others_run),
    ("A Kubeflow pipeline is split across the sites, with a proven optimum", a_pipeline_is_planned),
    ("Kubeflow's own client submits a pipeline, and three clusters run it", a_pipeline_runs_across_clusters),
)
