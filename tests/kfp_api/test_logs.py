"""Logs through the server: for whoever may get `stretchedpipelines/log`, from a real store, and from no other run."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.client import Client
from moorage.errors import ForbiddenError, NotFoundError
from moorage.kube.connection import bearer_token
from moorage.runs import RunKeys, RunRef
from moorage.stores.served_logs import ServedLogs, run_id_of
from moorage_cli.main import moorage
from moorage_cli.running import run as run_command
from tests.dataset_operator.rights import granted
from tests.dataset_operator.stores import BUCKET, STEWARD, Store, run_store
from tests.kfp_api.servers import Server, make_accounts, run_server
from tests.world import World, make_world

SYSTEM = "moorage-kfp-logs"
SITE = "log-site"
SECRET = "log-keys"
TASK = "train#2/evaluate"


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """Namespaces of this file's own, because roles in them are rendered anew."""
    with make_world(plane, "kfplogs") as made:
        make_accounts(made)
        yield made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An S3 server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture(scope="module")
def showing(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the chart's rights where the Secret is named."""
    values = ("kfpApi.enabled=true", f'kfpApi.namespaces=["{world.reader}"]', f'kfpApi.logs.secrets=["{SECRET}"]')
    with (
        granted(world, SYSTEM, tmp_path_factory.mktemp("rights"), ["kfp-api"], values) as kubeconfigs,
        run_server(
            world, kubeconfigs["kfp-api"], tmp_path_factory.mktemp("kfp-api"), tls=False, namespace=SYSTEM, logs="true"
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def run(world: World, store: Store, showing: Server) -> Iterator[dict[str, Any]]:
    """A run at a site with that store: one task has ended after a failed attempt, another one prints."""
    assert showing.running.alive()
    s3 = {"endpoint": store.endpoint, "bucket": BUCKET, "prefix": SITE, "secretRef": {"name": SECRET}}
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    metadata = {"name": f"logs-{uuid.uuid4().hex[:6]}", "namespace": world.reader}
    world.apply(
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "Site",
            "metadata": {"name": SITE},
            "spec": {"artifactStore": {"s3": s3}},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": SYSTEM}, "stringData": keys},
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "StretchedPipeline",
            "metadata": metadata,
            "spec": {"pipeline": {"inline": "none"}},
        },
    )
    tasks = [{"name": name, "site": SITE, "phase": "Running", "attempt": 1} for name in ("train", "speak")]
    groups = [{"id": f"{SITE}-1", "site": SITE, "phase": "Running"}]
    world.set_status(
        "stretchedpipeline", metadata["name"], {"phase": "Running", "groups": groups, "tasks": tasks}, world.reader
    )
    found: dict[str, Any] = json.loads(
        world.kubectl("get", "stretchedpipeline", metadata["name"], "-n", world.reader, "-o", "json")
    )
    keys_of = RunKeys(SITE, _ref(found))
    store.put(
        {
            keys_of.task(TASK, 1, "log"): b"it failed\n",
            keys_of.task(TASK, 2, "log"): b"first\nsecond\n",
            keys_of.task("speak", 1, "log.1"): b"one\n",
            keys_of.task("speak", 1, "log.2"): b"two\n",
        }
    )
    yield found
    world.kubectl("delete", "site", SITE)
    world.kubectl("delete", "secret", SECRET, "-n", SYSTEM)


def _ref(run: dict[str, Any]) -> RunRef:
    metadata = run["metadata"]
    return RunRef(metadata["namespace"], metadata["name"], metadata["uid"])


@pytest.fixture(scope="module")
def reader(showing: Server) -> str:
    """A token of an account that may get `stretchedpipelines/log`, and nothing else."""
    world = showing.world
    meta = {"name": "log-reader", "namespace": world.reader}
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["moorage.dev"], "resources": ["stretchedpipelines/log"], "verbs": ["get"]}
    world.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "log-reader"},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
    )
    return showing.token("log-reader")


def _ask(server: Server, path: str, token: str, **query: str) -> httpx.Response:
    url = f"{server.url}/apis/v2beta1/runs/{path}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(url, params=query, headers=headers, timeout=60)


def _log(run: dict[str, Any], task: str) -> str:
    return f"{run['metadata']['uid']}/nodes/{quote(task, safe='')}/log"


def test_the_text_of_the_last_attempt_or_of_another(showing: Server, run: dict[str, Any], reader: str) -> None:
    """Of an iteration of a loop, too; and of a log that is in parts."""
    answer = _ask(showing, _log(run, TASK), reader)
    assert (answer.status_code, answer.text) == (200, "first\nsecond\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert _ask(showing, _log(run, TASK), reader, attempt="1").text == "it failed\n"
    assert _ask(showing, _log(run, "speak"), reader).text == "one\ntwo\n"


async def test_piece_by_piece(showing: Server, run: dict[str, Any], reader: str) -> None:
    """As the command line reads it: each piece says where the next one begins, and whether there is one."""
    async with ServedLogs(showing.url, lambda: reader) as served:
        first = await served.read(run_id_of(run), "speak", None, 0)
        assert first is not None
        assert (first.attempt, first.content, first.next_offset, first.complete) == (1, b"one\n", 4, False)
        second = await served.read(run_id_of(run), "speak", 1, first.next_offset)
        assert second is not None
        assert (second.content, second.complete) == (b"two\n", False)
        last = await served.read(run_id_of(run), TASK, 2, 6)
        assert last is not None
        assert (last.content, last.complete) == (b"second\n", True)
        assert await served.read(run_id_of(run), TASK, 3, 0) is None
        assert await served.read(run_id_of(run), "absent", None, 0) is None


def test_to_look_at_runs_is_another_right(showing: Server, run: dict[str, Any]) -> None:
    """Who may see the run is told what is missing; who may not learns nothing."""
    refused = _ask(showing, _log(run, TASK), showing.token("viewer"))
    assert refused.status_code == 403
    assert "may not get stretchedpipelines.moorage.dev/log" in refused.json()["message"]
    assert _ask(showing, _log(run, TASK), showing.token("stranger")).status_code == 404
    assert _ask(showing, _log(run, TASK), "").status_code == 401


@pytest.mark.parametrize(
    "task",
    ["..", "../../other/1", "a/../../../x", "/a", "a//b", "a/", ".", "a\x00b", "a\nb", "x" * 2000, "%2e%2e", "absent"],
)
def test_no_name_leads_to_another_runs_objects(
    showing: Server, store: Store, run: dict[str, Any], reader: str, task: str
) -> None:
    """Whatever a client calls a task: it is 404, and no log of somebody else."""
    store.put({f"{SITE}/runs/other/1/log": b"not yours", f"{SITE}/1/log": b"not yours", "x/1/log": b"not yours"})
    answer = _ask(showing, _log(run, task), reader)
    assert answer.status_code in {400, 404}
    assert "not yours" not in answer.text


@pytest.mark.parametrize("query", [{"offset": "-1"}, {"offset": "x"}, {"offset": "9" * 40}, {"attempt": "1.5"}])
def test_odd_numbers_are_refused(showing: Server, run: dict[str, Any], reader: str, query: dict[str, str]) -> None:
    """By name."""
    answer = _ask(showing, _log(run, TASK), reader, **query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["message"]


@pytest.fixture
def scientist(showing: Server, plane: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kubeconfig of somebody who may do all with runs in her namespace, and has no key of a store."""
    config = yaml.safe_load(plane.kubeconfig_path.read_text())
    config["users"][0]["user"] = {"token": showing.token("scientist")}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    for name in ("AWS_ACCESS_KEY_ID", "MOORAGE_SERVER", "MOORAGE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return str(path)


def test_the_command_line_of_somebody_without_keys(
    showing: Server, run: dict[str, Any], scientist: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Alone it can't, and says who can; through the server it shows the log, by the kubeconfig's token."""
    assert scientist
    words = ["runs", "logs", run["metadata"]["name"], TASK, "-n", run["metadata"]["namespace"]]
    assert run_command(moorage, "moorage", words) == 1
    assert b"--server" in capfdbinary.readouterr().err
    assert run_command(moorage, "moorage", [*words, "--server", showing.url]) == 0
    assert capfdbinary.readouterr().out == b"first\nsecond\n"
    assert run_command(moorage, "moorage", [*words, "--server", showing.url, "--attempt", "1"]) == 0
    assert capfdbinary.readouterr().out == b"it failed\n"


def test_a_notebook_of_somebody_without_keys(showing: Server, run: dict[str, Any], scientist: str) -> None:
    """Likewise; what a task gave out takes keys in any case."""
    metadata = run["metadata"]
    found = Client.from_kubeconfig(scientist, namespace=metadata["namespace"], server=showing.url).run(metadata["name"])
    assert found.logs(TASK) == "first\nsecond\n"
    assert found.logs(TASK, attempt=1) == "it failed\n"
    assert found.logs("speak") == "one\ntwo\n"
    with pytest.raises(NotFoundError):
        found.logs("absent")
    with pytest.raises(ForbiddenError, match="sites"):
        found.outputs(TASK)


def test_a_kubeconfig_gives_its_token(showing: Server, plane: Cluster, tmp_path: Path) -> None:
    """And none where it holds a client certificate."""
    assert bearer_token(plane.kubeconfig_path) == ""
    config = json.loads(showing.world.kubectl("config", "view", "--raw", "-o", "json"))
    config["users"][0]["user"] = {"token": "abc"}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    assert bearer_token(path) == "abc"
