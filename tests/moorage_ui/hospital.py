"""The hospitals' run in a real API server, with what it left in a real store, and people of different rights."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from moorage.model import API_VERSION
from moorage.runs import FileEntry, Manifest, RunKeys, RunRef, TaskEnd, TaskOutputs, TaskPhase
from moorage.wire.site import write_site_spec
from pipeline_splitter.plan import Plan
from pipeline_splitter.plan_json import write_plan
from pipeline_splitter.report import write_report
from tests.dataset_operator.stores import BUCKET, STEWARD, Store
from tests.plan_stories import hospitals
from tests.world import World

Raw = dict[str, Any]
SYSTEM: Final = "moorage-ui-system"
"""Where Moorage is installed, as it were."""
RUN: Final = "nightly"
GOVERNED: Final = "clean-lyon"
"""A task whose outputs carry the rules of two datasets."""
ROWS: Final = "hospital,age,lactate\nlyon,61,2.1\nlyon,48,1.3\n"
_RBAC: Final = "rbac.authorization.k8s.io"
_RUNS: Final = ["get", "list", "watch"]
PEOPLE: Final[dict[str, list[tuple[str, list[str]]]]] = {
    "watcher": [("stretchedpipelines", _RUNS)],
    "getter": [("stretchedpipelines", ["get"])],
    "reader": [("stretchedpipelines", _RUNS), ("stretchedpipelines/log", ["get"])],
    "editor": [
        ("stretchedpipelines", _RUNS),
        ("stretchedpipelines/log", ["get"]),
        ("stretchedpipelines/artifacts", ["get"]),
    ],
    "trusted": [
        ("stretchedpipelines", _RUNS),
        ("stretchedpipelines/log", ["get"]),
        ("stretchedpipelines/artifacts", ["get"]),
    ],
    "stranger": [],
}
"""Accounts in the run's namespace; `trusted` has the consent of two stewards besides."""
_AT_ONCE: Final = 2
_CONSENTING: Final = ("lyon-hcl", "terminology")


@dataclass(frozen=True)
class Hospital:
    """The run.

    Attributes:
        plan: it is at its second group.
        uid: the run's.
    """

    world: World
    store: Store
    plan: Plan
    uid: str
    folder: Path

    @property
    def ref(self) -> RunRef:
        """The run."""
        return RunRef(self.world.reader, RUN, self.uid)

    def token(self, account: str) -> str:
        """Of one of `PEOPLE`."""
        return self.world.kubectl("create", "token", account, "-n", self.world.reader, "--duration=2h").strip()

    def kubeconfig(self, account: str) -> Path:
        """Of one of `PEOPLE`; "" is the administrator's."""
        if not account:
            return self.world.cluster.kubeconfig_path
        config = yaml.safe_load(self.world.cluster.kubeconfig_path.read_text())
        config["users"][0]["user"] = {"token": self.token(account)}
        path = self.folder / f"{account}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def set_phases(self, done: int, *, phase: str = "Running", message: str = "", digest: str = "") -> None:
        """So many groups are done, the next is under way."""
        self.world.set_status(
            "stretchedpipeline", RUN, status_of(self.plan, done, phase, message, digest), self.world.reader
        )

    def put(self, name: str, content: bytes) -> None:
        """An object of the run; `name` is below R/."""
        self.store.put({RunKeys(prefix(), self.ref).root + name: content})

    def write_task(self, task: str, log: bytes, content: bytes, *, uri: str = "") -> None:
        """What a task that has succeeded leaves: its log, its end, and one artifact `table`."""
        keys = RunKeys(prefix(), self.ref)
        place = keys.data(task, 1, "table")
        entry = FileEntry("", len(content), hashlib.sha256(content).hexdigest())
        kind = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
        manifest = Manifest(f"{task}.table", kind, {"rows": 2}, uri or f"s3://{BUCKET}/{place}", (entry,), "g", 1)
        outputs = TaskOutputs({"mean_lactate": 1.7}, {"table": (manifest,)})
        site = next(each.site for each in self.plan.tasks if each.name == task)
        end = TaskEnd(
            TaskPhase.SUCCEEDED, 0, "", "2026-11-30T10:00:10Z", "2026-11-30T10:00:52Z", site, f"{site}-n1", "p", 512, 64
        )
        self.store.put(
            {
                place: content,
                keys.task(task, 1, "log"): log,
                keys.task(task, 1, "ended"): end.write(),
                keys.task(task, 1, "outputs"): outputs.write(),
            }
        )


def prefix() -> str:
    """Of the artifact stores in the bucket."""
    return "ui-runs"


def ago(minutes: float) -> str:
    """So many minutes ago, in RFC 3339."""
    return (datetime.now(tz=UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_of(plan: Plan, done: int, phase: str, message: str = "", digest: str = "") -> Raw:
    """A run's status where so many groups are done and the next is under way, with its first two tasks."""
    words = ["Succeeded"] * done + ["Running"] + ["Waiting"] * len(plan.groups)
    of_task = {"Succeeded": "Succeeded", "Running": "Running", "Waiting": "Pending"}
    paired = list(zip(plan.groups, words, strict=False))
    return {
        "phase": phase,
        "message": message,
        "startTime": ago(41),
        "groups": [
            {"id": group.id, "site": group.site, "phase": word, "attempt": 1, **_times(word)} for group, word in paired
        ],
        "groupsDone": f"{done}/{len(plan.groups)}",
        "tasks": [
            {
                "name": task,
                "phase": of_task[word if place < _AT_ONCE or word != "Running" else "Waiting"],
                "site": group.site,
                "attempt": 1,
            }
            for group, word in paired
            for place, task in enumerate(group.tasks)
        ],
        "bytesMoved": 340_000_000 if done else 0,
        "bytesPlanned": int(plan.costs["bytes"]),
        "plan": {
            "digest": digest or digest_of(plan),
            "file": "plan.json",
            "revision": 1,
            "objective": "money",
            "value": f"{plan.costs['money']:.6g}",
            "gap": "0",
        },
    }


def _times(word: str) -> Raw:
    begun = {"startTime": ago(40)} if word != "Waiting" else {}
    return begun | ({"completionTime": ago(11.5)} if word == "Succeeded" else {})


def digest_of(plan: Plan) -> str:
    """As the hub notes it."""
    return hashlib.sha256(write_plan(plan).encode()).hexdigest()


@contextmanager
def make_hospital(world: World, store: Store, folder: Path) -> Iterator[Hospital]:
    """Make it, and remove it afterwards."""
    plan, graph, inventory = hospitals()
    sites = sorted(inventory.sites)
    namespaces = [SYSTEM, *_CONSENTING]
    location = {"endpoint": store.endpoint, "bucket": BUCKET, "prefix": prefix(), "secretRef": {"name": "store-keys"}}
    for name in sites:
        spec = write_site_spec(inventory.sites[name]) | {"artifactStore": {"s3": location}}
        world.apply({"apiVersion": API_VERSION, "kind": "Site", "metadata": {"name": name}, "spec": spec})
    for name in namespaces:
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    world.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "store-keys", "namespace": SYSTEM},
            "stringData": keys,
        },
        {
            "apiVersion": API_VERSION,
            "kind": "StretchedPipeline",
            "metadata": {"name": RUN, "namespace": world.reader},
            "spec": {"pipeline": {"inline": "{}"}, "parameters": {"threshold": 8}},
        },
    )
    for person, rules in PEOPLE.items():
        _make_person(world, person, rules)
    for namespace in _CONSENTING:
        _consent(world, namespace)
    uid = world.get("stretchedpipeline", RUN, world.reader)["metadata"]["uid"]
    made = Hospital(world, store, plan, uid, folder)
    made.put("plan/plan.json", write_plan(plan).encode())
    made.put("plan/report.html", write_report(plan, graph, inventory).encode())
    made.set_phases(2)
    for group in plan.groups[:2]:
        for task in group.tasks:
            made.write_task(task, f"reading\n{task} is done\n".encode(), ROWS.encode())
    try:
        yield made
    finally:
        world.kubectl("delete", "sites.moorage.dev", *sites, "--ignore-not-found", "--wait=false")
        world.kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--wait=false")


def _make_person(world: World, name: str, rules: list[tuple[str, list[str]]]) -> None:
    meta = {"name": name, "namespace": world.reader}
    written = [{"apiGroups": ["moorage.dev"], "resources": [what], "verbs": verbs} for what, verbs in rules]
    world.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": meta, "rules": written},
        _bound("Role", name, meta, name, world),
    )


def _consent(world: World, namespace: str) -> None:
    rule = {"apiGroups": ["moorage.dev"], "resources": ["datasets/contents"], "verbs": ["get"]}
    meta = {"name": "see-contents", "namespace": namespace}
    world.apply(
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        _bound("Role", "see-contents", meta, "trusted", world),
    )


def _bound(kind: str, role: str, meta: Raw, account: str, world: World) -> Raw:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": world.reader}],
    }


__all__ = ["GOVERNED", "PEOPLE", "ROWS", "RUN", "SYSTEM", "Hospital", "digest_of", "make_hospital", "status_of"]
