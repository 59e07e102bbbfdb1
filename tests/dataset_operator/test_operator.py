"""The operator as a process, against a real API server and a real store: the state of the world is what is asserted."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from tests.dataset_operator.conftest import secret
from tests.dataset_operator.footers import wide_footer
from tests.dataset_operator.processes import Running, run_operator
from tests.dataset_operator.stores import STEWARD, Store, silent_endpoint
from tests.dataset_operator.test_listing import version_of
from tests.world import World, eventually

pytestmark = pytest.mark.usefixtures("operator")

Raw = dict[str, Any]


def parquet(rows: int) -> bytes:
    """A real file."""
    file = io.BytesIO()
    pa_parquet.write_table(pa.table({"id": list(range(rows)), "note": ["x"] * rows}), file)
    return file.getvalue()


def source(store: Store, site: str, prefix: str, **s3: object) -> Raw:
    """A source in the store, with the steward's keys."""
    place = {"endpoint": store.endpoint, "bucket": "data", "prefix": prefix, "secretRef": {"name": "keys"}}
    return {"site": site, "s3": {**place, **s3}}


def dataset(world: World, name: str, *sources: Raw, **spec: object) -> Raw:
    """A Dataset of the steward's."""
    raw = world.dataset(name, world.eu)
    raw["spec"] = {"sources": list(sources), **spec}
    return raw


def status_when(world: World, name: str, reason: str, condition: str = "Ready") -> Raw:
    """The status, once that condition has that reason."""

    def look() -> Raw | None:
        raw = world.get("dataset", name, world.steward)
        found: Raw = raw.get("status") or {}
        told = {entry["type"]: entry for entry in found.get("conditions") or ()}
        current = found.get("observedGeneration") == raw["metadata"]["generation"]
        return found if current and told.get(condition, {}).get("reason") == reason else None

    return eventually(look)


def ready(status: Raw) -> Raw:
    """Its Ready condition."""
    found: Raw = next(entry for entry in status["conditions"] if entry["type"] == "Ready")
    return found


def events(world: World, name: str) -> list[str]:
    """The reasons of the Events about a Dataset."""
    found = json.loads(world.kubectl("get", "events.events.k8s.io", "-n", world.steward, "-o", "json"))["items"]
    return [entry["reason"] for entry in found if entry["regarding"].get("name") == name]


def test_a_file_that_exhausts_its_parser_is_its_own_datasets_trouble(
    world: World, store: Store, operator: Running
) -> None:
    """12 MB of footer that become 1.5 GB: that Dataset says so, the operator goes on, and the next Dataset is read."""
    store.put({"crafted/a.parquet": wide_footer(900_000), "unharmed/a.parquet": parquet(3)})
    world.apply(dataset(world, "crafted", source(store, world.eu, "crafted")))
    told = ready(status_when(world, "crafted", "FormatUnreadable"))["message"]
    assert told.startswith("a.parquet needs more than 167 MiB of memory for its columns to be read: replace it")
    world.apply(dataset(world, "beside", source(store, world.eu, "unharmed")))
    eventually(lambda: "schema" in world.get("dataset", "beside", world.steward).get("status", {}))
    assert [column["name"] for column in status_when(world, "beside", "Ready")["schema"]] == ["id", "note"]
    assert operator.process.poll() is None
    peak = next(
        line for line in Path(f"/proc/{operator.process.pid}/status").read_text().splitlines() if "VmHWM" in line
    )
    assert int(peak.split()[1]) < 400 * 1024


def test_a_dataset_becomes_ready_and_carries_no_trace_of_us(world: World, store: Store) -> None:
    """Status, Event, printed columns; no finalizer, no annotation, no key anywhere."""
    objects = {"part-0.parquet": parquet(3), "part-1.parquet": parquet(4)}
    store.put({f"ready/{key}": body for key, body in objects.items()})
    world.apply(dataset(world, "ready", source(store, world.eu, "ready")))
    status = status_when(world, "ready", "Ready")
    assert status["version"] == version_of(objects)
    assert (status["objects"], status["bytes"]) == (2, sum(map(len, objects.values())))
    assert status["format"] == "parquet"
    assert [(column["name"], column["type"]) for column in status["schema"]] == [("id", "int64"), ("note", "string")]
    assert status["sites"] == world.eu
    eventually(lambda: "Ready" in events(world, "ready"))
    raw = world.get("dataset", "ready", world.steward)
    assert "finalizers" not in raw["metadata"]
    assert all("kopf" not in key for key in raw["metadata"].get("annotations", {}))
    line = world.kubectl("get", "dset", "ready", "-n", world.steward).splitlines()[1].split()
    assert line[:6] == ["ready", "True", "Ready", world.eu, "2", str(status["bytes"])]


def test_nothing_new_is_not_written(world: World, store: Store) -> None:
    """Looks go on every second; the object does not change."""
    store.put({"quiet/a.csv": b"a,b\n1,2\n"})
    world.apply(dataset(world, "quiet", source(store, world.eu, "quiet")))
    status_when(world, "quiet", "Ready")
    before = world.get("dataset", "quiet", world.steward)["metadata"]["resourceVersion"]
    store.put({"quiet/b.csv": b"a,b\n3,4\n"})
    eventually(lambda: world.get("dataset", "quiet", world.steward)["status"]["objects"] == 2)
    after = world.get("dataset", "quiet", world.steward)["metadata"]["resourceVersion"]
    assert after != before
    store.put({"quiet-marker/a.csv": b"a\n1\n"})  # a second Dataset's looks tell that seconds went by
    world.apply(dataset(world, "quiet-marker", source(store, world.eu, "quiet-marker")))
    for count in (1, 2, 3):
        store.put({f"quiet-marker/{number}.csv": b"a\n1\n" for number in range(count)})
        _wait_for_objects(world, "quiet-marker", count + 1)
    assert world.get("dataset", "quiet", world.steward)["metadata"]["resourceVersion"] == after


def test_a_missing_secret_is_told_and_found_when_it_comes(world: World, store: Store) -> None:
    """The reason names it; nobody has to touch the Dataset when it is created, nor when its keys are mended."""
    store.put({"late/a.parquet": parquet(1)})
    world.apply(dataset(world, "late", source(store, world.eu, "late", secretRef={"name": "late-keys"})))
    assert "late-keys: does not exist" in ready(status_when(world, "late", "SecretNotFound"))["message"]
    world.apply(secret(world, "late-keys", {"accessKeyID": STEWARD.access_key_id}))
    assert "has no secretAccessKey" in ready(status_when(world, "late", "SecretKeyMissing"))["message"]
    world.apply(secret(world, "late-keys", {"accessKeyID": "NOBODY", "secretAccessKey": "wrong-secret-key"}))
    assert "wrong-secret-key" not in str(status_when(world, "late", "AccessDenied"))
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    world.apply(secret(world, "late-keys", keys))
    status_when(world, "late", "Ready")
    assert {"SecretNotFound", "AccessDenied", "Ready"} <= set(eventually(lambda: events(world, "late")))


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("bucket", {"bucket": "nowhere"}, "BucketNotFound"),
        ("down", {"endpoint": "http://127.0.0.1:9"}, "EndpointUnreachable"),
        ("empty", {"prefix": "nothing-there"}, "NoObjects"),
        ("broken", {"prefix": "broken-table"}, "FormatUnreadable"),
    ],
)
def test_bad_input_is_told_where_the_steward_looks(
    world: World, store: Store, name: str, changes: Raw, reason: str
) -> None:
    """A condition with the reason and an Event."""
    store.put({"broken-table/a.parquet": b"this is not a table at all"})
    asked = {**source(store, world.eu, "x")["s3"], **changes}
    s3 = {key: value for key, value in asked.items() if value is not None}
    world.apply(dataset(world, name, {"site": world.eu, "s3": s3}))
    found = ready(status_when(world, name, reason))
    assert found["status"] == "False"
    eventually(lambda: reason in events(world, name))


def test_a_lost_store_takes_readiness_not_the_version(world: World, store: Store) -> None:
    """The spec stays, keys are taken away: version, bytes and columns remain."""
    store.put({"lost/a.parquet": parquet(5)})
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    world.apply(secret(world, "lost-keys", keys))
    world.apply(dataset(world, "lost", source(store, world.eu, "lost", secretRef={"name": "lost-keys"})))
    before = status_when(world, "lost", "Ready")
    world.kubectl("delete", "secret", "lost-keys", "-n", world.steward)
    after = status_when(world, "lost", "SecretNotFound")
    kept = ("version", "bytes", "objects", "format", "schema")
    assert [after[key] for key in kept] == [before[key] for key in kept]


def test_another_bucket_does_not_inherit_the_version(world: World, store: Store) -> None:
    """The spec now names other data: the old version is gone at once."""
    store.put({"moved/a.parquet": parquet(2)})
    world.apply(dataset(world, "moved", source(store, world.eu, "moved")))
    status_when(world, "moved", "Ready")
    world.apply(dataset(world, "moved", source(store, world.eu, "moved", bucket="nowhere")))
    assert "version" not in status_when(world, "moved", "BucketNotFound")


def test_a_copy_that_differs_is_diverged_until_it_agrees(world: World, store: Store) -> None:
    """Per-source status says what differs; mended by copying, seen without a touch."""
    store.put({"one/a.parquet": parquet(2), "two/a.parquet": parquet(3)})
    sources = (source(store, world.eu, "one"), source(store, world.us, "two"))
    world.apply(dataset(world, "copies", *sources))
    status = status_when(world, "copies", "Ready")
    assert [entry["reason"] for entry in status["sources"]] == ["Listed", "Diverged"]
    assert status["sites"] == world.eu
    store.put({"two/a.parquet": parquet(2)})
    eventually(lambda: world.get("dataset", "copies", world.steward)["status"]["sites"] == f"{world.eu},{world.us}")


def test_a_site_that_comes_later_is_seen(world: World, store: Store) -> None:
    """SiteUnknown until somebody creates the Site."""
    store.put({"site/a.parquet": parquet(2)})
    world.apply(dataset(world, "site", source(store, "late-site-oper", "site")))
    assert "create the Site" in ready(status_when(world, "site", "SiteUnknown"))["message"]
    site = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Site", "metadata": {"name": "late-site-oper"}, "spec": {}}
    world.apply(site)
    try:
        status_when(world, "site", "Ready")
    finally:
        world.kubectl("delete", "site", "late-site-oper")


def test_users_come_and_go(world: World, store: Store) -> None:
    """A pod that was given data is a user; one that waits, is refused, mounts nothing, or ends is not."""
    store.put({"used/a.parquet": parquet(2)})
    world.apply(dataset(world, "used", source(store, world.eu, "used")))
    status_when(world, "used", "Ready")
    user, idle = _mounting(world, "user", "used"), _mounting(world, "idle", "used", mounted=False)
    world.apply(world.pod("waiting", "used", schedulerName="nobody"), user, idle, _mounting(world, "refused", "used"))
    world.set_status("pod", "idle", {"phase": "Running"}, world.reader)
    world.set_status("pod", "user", {"phase": "Running"}, world.reader)
    eventually(lambda: _users(world, "used") == [f"{world.reader}/user"])
    assert world.get("dataset", "used", world.steward)["status"]["inUseCount"] == 1
    world.set_status("pod", "user", {"phase": "Succeeded"}, world.reader)
    eventually(lambda: _users(world, "used") == [])
    pods = ("user", "idle", "refused", "waiting")
    world.kubectl("delete", "pod", *pods, "-n", world.reader, "--force", "--grace-period=0")


def test_a_pod_on_a_lost_node_counts_until_somebody_deletes_it(world: World, store: Store) -> None:
    """Its object stays for as long as the node is away; nobody waits for that."""
    store.put({"lost/a.parquet": parquet(2)})
    world.apply(dataset(world, "lost", source(store, world.eu, "lost")), _mounting(world, "stranded", "lost"))
    world.set_status("pod", "stranded", {"phase": "Running"}, world.reader)
    eventually(lambda: _users(world, "lost") == [f"{world.reader}/stranded"])
    world.kubectl("delete", "pod", "stranded", "-n", world.reader, "--wait=false", "--grace-period=31536000")
    eventually(lambda: _users(world, "lost") == [])
    assert world.get("pod", "stranded", world.reader)["metadata"]["deletionTimestamp"]
    world.kubectl("delete", "pod", "stranded", "-n", world.reader, "--force", "--grace-period=0")


def test_those_that_hold_a_deleted_dataset_are_told(world: World, store: Store) -> None:
    """An Event and a condition on the pod that goes on; nothing on one that was refused."""
    store.put({"orphaning/a.parquet": parquet(2)})
    world.apply(dataset(world, "orphaning", source(store, world.eu, "orphaning")))
    world.apply(_mounting(world, "orphan", "orphaning"), _mounting(world, "bystander", "orphaning"))
    world.set_status("pod", "orphan", {"phase": "Running"}, world.reader)
    eventually(lambda: _users(world, "orphaning") == [f"{world.reader}/orphan"])
    world.kubectl("delete", "dataset", "orphaning", "-n", world.steward, "--timeout=20s")
    told = eventually(lambda: _deleted(world, "orphan"))
    assert f"Dataset {world.steward}/orphaning was deleted while this pod reads it" in told["message"]
    events = world.kubectl("get", "events", "-n", world.reader, "-o", "json", "--field-selector=reason=DatasetDeleted")
    assert {each["involvedObject"]["name"] for each in json.loads(events)["items"]} == {"orphan"}
    world.kubectl("delete", "pod", "orphan", "bystander", "-n", world.reader, "--force", "--grace-period=0")


def test_a_slow_store_blocks_nobody(world: World, store: Store) -> None:
    """Twenty Datasets at a store that never answers, and one beside them that does."""
    with silent_endpoint() as endpoint:
        slow = [dataset(world, f"slow-{n}", source(store, world.eu, "x", endpoint=endpoint)) for n in range(20)]
        world.apply(*slow)
        store.put({"quick/a.parquet": parquet(2)})
        world.apply(dataset(world, "quick", source(store, world.eu, "quick")))
        status_when(world, "quick", "Ready")
        unread = [world.get("dataset", f"slow-{n}", world.steward)["status"] for n in range(20)]
        assert any(ready(status)["reason"] == "Looking" for status in unread)
        world.kubectl("delete", "dataset", *[f"slow-{n}" for n in range(20)], "-n", world.steward)


def test_deleting_never_hangs(world: World, store: Store) -> None:
    """Nothing of ours holds a Dataset that nobody reads."""
    world.apply(dataset(world, "gone", source(store, world.eu, "gone")))
    status_when(world, "gone", "NoObjects")
    world.kubectl("delete", "dataset", "gone", "-n", world.steward, "--timeout=20s")


def test_inline_keys_work_and_stay_where_they_are(world: World, store: Store) -> None:
    """Datashim's inline keys are used; they are in the spec, where their author put them, and nowhere else."""
    store.put({"inline/a.parquet": parquet(2)})
    raw = world.dataset("inline", world.eu)
    raw["spec"] = {
        "local": {
            "type": "COS",
            "site": world.eu,
            "endpoint": store.endpoint,
            "bucket": "data",
            "folder": "inline",
            "accessKeyID": STEWARD.access_key_id,
            "secretAccessKey": STEWARD.secret_access_key,
        }
    }
    world.apply(raw)
    assert STEWARD.secret_access_key not in json.dumps(status_when(world, "inline", "Ready"))


def test_a_restarted_operator_goes_on(world: World, store: Store, rights: dict[str, Path], tmp_path: Path) -> None:
    """A second one finds the statuses as they are, and SIGTERM ends it."""
    store.put({"again/a.parquet": parquet(2)})
    world.apply(dataset(world, "again", source(store, world.eu, "again")))
    status_when(world, "again", "Ready")
    before = world.get("dataset", "again", world.steward)["metadata"]["resourceVersion"]
    with run_operator(world, rights["operator"], tmp_path, reread_seconds=3600) as second:
        store.put({"second/a.parquet": parquet(2)})
        world.apply(dataset(world, "second", source(store, world.eu, "second")))
        status_when(world, "second", "Ready")
        assert second.alive()
    assert world.get("dataset", "again", world.steward)["metadata"]["resourceVersion"] == before


def test_a_restarted_operator_tells_of_what_went_meanwhile(
    world: World, store: Store, rights: dict[str, Path], tmp_path: Path
) -> None:
    """A pod holds a Dataset that nobody has seen for as long as this operator runs."""
    world.apply(_mounting(world, "late", "never-seen"))
    world.set_status("pod", "late", {"phase": "Running"}, world.reader)
    told = eventually(lambda: _deleted(world, "late"))
    assert f"Dataset {world.steward}/never-seen was deleted" in told["message"]
    # One that is there is told of to nobody, also where its spec can't be used.
    store.put({"there/a.parquet": parquet(2)})
    world.apply(dataset(world, "there", source(store, world.eu, "there")), _mounting(world, "content", "there"))
    world.set_status("pod", "content", {"phase": "Running"}, world.reader)
    with run_operator(world, rights["operator"], tmp_path):
        eventually(lambda: _users(world, "there") == [f"{world.reader}/content"])
        assert _deleted(world, "content") is None
    world.kubectl("delete", "pod", "late", "content", "-n", world.reader, "--force", "--grace-period=0")


def test_no_secret_is_in_log_status_or_event(world: World, operator: Running) -> None:
    """After all that was done above."""
    told = operator.text()
    told += world.kubectl("get", "events.events.k8s.io", "-A", "-o", "json")
    for raw in json.loads(world.kubectl("get", "datasets", "-A", "-o", "json"))["items"]:
        told += json.dumps(raw.get("status"))
    assert STEWARD.secret_access_key not in told
    assert "wrong-secret-key" not in told
    assert "Traceback" not in operator.text()
    assert "forbidden" not in operator.text()


def _wait_for_objects(world: World, name: str, count: int) -> None:
    def look() -> bool:
        found: Raw = world.get("dataset", name, world.steward).get("status") or {}
        return found.get("objects") == count

    eventually(look)


def _deleted(world: World, pod: str) -> Raw | None:
    """The condition that says that what a pod holds was deleted."""
    conditions: list[Raw] = world.get("pod", pod, world.reader)["status"].get("conditions", [])
    return next((each for each in conditions if each["type"] == "moorage.dev/DatasetDeleted"), None)


def _mounting(world: World, name: str, dataset: str, *, mounted: bool = True) -> Raw:
    """A pod on a node of paper, with a volume as admission adds it."""
    attributes = {"dataset": dataset, "namespace": world.steward}
    volumes = [{"name": "data", "csi": {"driver": "data.moorage.dev", "volumeAttributes": attributes}}]
    mounts = [{"name": "data", "mountPath": "/data"}] if mounted else []
    containers = [{"name": "main", "image": "none", "volumeMounts": mounts}]
    return world.pod(name, dataset, nodeName=world.node("eu-a"), volumes=volumes, containers=containers)


def _users(world: World, name: str) -> list[str]:
    found: list[str] = world.get("dataset", name, world.steward)["status"].get("inUseBy", [])
    return found
