"""What strangers, other tenants and people with odd ideas send, against the running server."""

import base64
import concurrent.futures
import gzip
import io
import json
import random
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.floods import ONE_ADDRESS, Flood, flooded
from tests.kfp_api import compiled
from tests.kfp_api.servers import Server, run_server
from tests.world import eventually

API = "/apis/v2beta1"


@pytest.fixture(scope="module")
def viewer(server: Server) -> str:
    """Who may look, and no more."""
    return server.token("viewer")


@pytest.fixture(scope="module")
def stranger(server: Server) -> str:
    """Whom the API server knows, and nobody has given a role."""
    return server.token("stranger")


@pytest.fixture(scope="module")
def run_id(server: Server, token: str) -> str:
    """A run of the reader's."""
    identity: str = submit(server, token)[1]["run_id"]
    return identity


@pytest.fixture(scope="module")
def world_of_two(server: Server, rights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for two tenants' namespaces; `lord` rules the other one."""
    world = server.world
    meta = {"name": "lord", "namespace": world.steward}
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["moorage.dev"], "resources": ["stretchedpipelines"], "verbs": ["*"]}
    world.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "lord"},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
    )
    folder = tmp_path_factory.mktemp("two")
    with run_server(world, rights, folder, tls=False, run_namespaces=f"{world.reader},{world.steward}") as running:
        yield running


def submit(server: Server, token: str, **changes: Any) -> tuple[int, Any]:  # noqa: ANN401
    """POST a run."""
    body = {"display_name": "a run", "pipeline_spec": compiled.spec(), "runtime_config": {}} | changes
    return server.ask("POST", f"{API}/runs", token, body)


def upload(server: Server, token: str, content: bytes, name: str = "x.yaml", **query: str) -> tuple[int, Any]:
    """Upload a pipeline as the SDK does."""
    boundary = "b0undary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="uploadfile"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    asked = "&".join(f"{key}={text}" for key, text in ({"name": uuid.uuid4().hex} | query).items())
    kind = f"multipart/form-data; boundary={boundary}"
    return server.ask("POST", f"{API}/pipelines/upload?{asked}", token, body, Content_Type=kind)


@pytest.mark.parametrize("path", ["/runs", "/experiments", "/pipelines", "/runs/x", "/recurringruns", "/nothing"])
@pytest.mark.parametrize("token", ["", "garbage", "x" * 20_000])
def test_strangers_learn_nothing(server: Server, path: str, token: str) -> None:
    """Not even which paths there are."""
    status, told = server.ask("GET", API + path, token[:8000])
    assert (status, told["code"]) == (401, 16)
    assert "presents" not in told["message"]
    assert "present a token" in told["message"]


def test_a_token_for_somebody_else_is_none(server: Server) -> None:
    """Whatever is shown to another server must not be good here."""
    status, _ = server.ask("GET", f"{API}/runs", server.token("scientist", audience="moorage-broker"))
    assert status == 401


def test_a_token_that_is_no_text(server: Server) -> None:
    """Bytes that are no characters are no token, and no fault of ours."""
    assert server.ask("GET", f"{API}/runs", "\xff\xfe")[0] == 401


def test_nothing_is_fetched(server: Server, token: str) -> None:
    """Pipelines come with the request; a URL would have this server ask whom anybody names."""
    _, made = server.ask("POST", f"{API}/pipelines", token, {"display_name": uuid.uuid4().hex})
    link = {"display_name": "x", "package_url": {"pipeline_url": "http://169.254.169.254/"}}
    for path in (f"/pipelines/{made['pipeline_id']}/versions", "/pipelines/create"):
        status, told = server.ask("POST", API + path, token, link)
        assert (status, told["code"]) == (501, 12)
    good = {"name": "direct", "pipeline_spec": compiled.spec()}
    status, version = server.ask("POST", f"{API}/pipelines/{made['pipeline_id']}/versions", token, good)
    assert (status, version["pipeline_spec"]) == (200, compiled.spec())


def test_logs_take_the_right_to_a_secret(server: Server, token: str, run_id: str) -> None:
    """Without it the sentence says what the platform can do, and where the logs are."""
    for version in ("v1alpha1", "v2beta1"):
        status, told = server.ask("GET", f"/apis/{version}/runs/{run_id}/nodes/x/log", token)
        assert (status, "kfpApi.logs.secrets" in told["message"]) == (501, True)
    assert server.ask("GET", f"{API}/runs/{run_id}/nodes/x/log", server.token("viewer"))[0] == 403


def test_artifacts_are_elsewhere(server: Server, token: str, run_id: str) -> None:
    """The sentence says where."""
    for path in (f"{API}/runs/{run_id}/nodes/x/artifacts/y:read", f"{API}/artifacts"):
        status, told = server.ask("GET", path, token)
        assert (status, "artifact store of the site" in told["message"]) == (501, True)


def test_health_is_open(server: Server) -> None:
    """As the backend's is."""
    assert server.ask("GET", f"{API}/healthz") == (200, {"multi_user": False})


def test_a_viewer_looks(server: Server, viewer: str, run_id: str) -> None:
    """And changes nothing; the refusal says which right is missing."""
    assert server.ask("GET", f"{API}/runs/{run_id}", viewer)[0] == 200
    assert server.ask("GET", f"{API}/runs", viewer)[0] == 200
    for method, path in (
        ("POST", f"/runs/{run_id}:terminate"),
        ("POST", f"/runs/{run_id}:archive"),
        ("DELETE", f"/runs/{run_id}"),
        ("POST", "/experiments"),
    ):
        status, told = server.ask(method, API + path, viewer, {"display_name": "x"} if method == "POST" else None)
        assert (status, told["code"]) == (403, 7), path
        assert "stretchedpipelines.moorage.dev in namespace" in told["message"]
    assert submit(server, viewer)[0] == 403


def test_who_may_not_look_can_not_tell_what_is_there(server: Server, stranger: str, run_id: str) -> None:
    """A run that is there and one that is not have the same answer."""
    there = server.ask("GET", f"{API}/runs/{run_id}", stranger)
    other = str(uuid.uuid4())
    absent = server.ask("GET", f"{API}/runs/{other}", stranger)
    assert there[0] == absent[0] == 404
    assert there[1]["message"].replace(run_id, "") == absent[1]["message"].replace(other, "")
    assert server.ask("GET", f"{API}/runs", stranger)[0] == 403


def test_other_namespaces_are_not_served(server: Server, token: str) -> None:
    """A namespace beside the one that this server is for is no namespace at all."""
    for namespace in (server.world.steward, "kube-system", "../x", "X"):
        assert server.ask("GET", f"{API}/runs?namespace={namespace}", token)[0] == 400


def test_the_same_run_id_is_one_run(server: Server, token: str) -> None:
    """Also when asked for by many at once; another request under that id is refused."""
    run_id = str(uuid.uuid4())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit(server, token, run_id=run_id), range(8)))
    assert {(status, told["run_id"]) for status, told in answers} == {(200, run_id)}
    status, told = submit(server, token, run_id=run_id, display_name="another")
    assert (status, told["code"]) == (409, 6)
    listed = server.world.kubectl("get", "stretchedpipelines", "-n", server.world.reader, "-o", "name")
    assert listed.count(run_id) == 1


@pytest.mark.parametrize("run_id", ["../x", "X", "a" * 64, "a/b", "a.b", "", "-a"])
def test_a_run_id_is_a_name(server: Server, token: str, run_id: str) -> None:
    """It becomes an object's name; an empty one is none."""
    assert submit(server, token, run_id=run_id)[0] == (400 if run_id else 200)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no JSON"),
        (b"[]", "JSON object"),
        (b"{", "no JSON"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "nested"),
        (b"[" * 100_000, "no JSON"),
        (b'{"display_name": 1}', "display_name"),
        (b'{"display_name": "x", "pipeline_spec": []}', "pipeline_spec"),
        (b'{"display_name": "x", "pipeline_spec": {}}', "pipeline_spec"),
        (b'{"display_name": "x"}', "either pipeline_spec or"),
        (b'{"display_name": "\\u0000", "pipeline_spec": {}}', "control characters"),
        (b'{"display_name": "x", "pipeline_spec": {"pipelineInfo": {"name": "x"}, "schemaVersion": "9.1"}}', "9.1"),
    ],
)
def test_bodies_that_are_none(server: Server, token: str, body: bytes, told: str) -> None:
    """Each is told what is wrong, in the backend's form."""
    status, answer = server.ask("POST", f"{API}/runs", token, body)
    assert (status, answer["code"]) == (400, 3)
    assert told in answer["message"]


def test_too_large_a_body(server: Server, token: str) -> None:
    """It is refused by its length, before it is read."""
    status, told = server.ask("POST", f"{API}/runs", token, b" " * (6 << 20))
    assert (status, told["code"]) == (413, 3)
    assert upload(server, token, b" " * (6 << 20))[0] == 413


def zip_of(name: str, content: bytes) -> bytes:
    """A zip archive of one file."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return written.getvalue()


def tar_of(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar.gz archive of one member."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        member.size = len(content) if kind == tarfile.REGTYPE else 0
        archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


def test_archives_as_the_sdk_makes_them(server: Server, token: str) -> None:
    """YAML, zip and tar.gz hold the same pipeline."""
    text = compiled.text().encode()
    for content in (text, zip_of("pipeline.yaml", text), tar_of("counting.yaml", text)):
        status, made = upload(server, token, content)
        assert status == 200, made
        _, listed = server.ask("GET", f"{API}/pipelines/{made['pipeline_id']}/versions", token)
        version = listed["pipeline_versions"][0]["pipeline_version_id"]
        _, whole = server.ask("GET", f"{API}/pipelines/{made['pipeline_id']}/versions/{version}", token)
        assert whole["pipeline_spec"] == compiled.spec()
        assert server.ask("DELETE", f"{API}/pipelines/{made['pipeline_id']}?cascade=true", token)[0] == 200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\x00\xff", "UTF-8"),
        (b"just text", "must be a mapping"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"\n".join(
            b"%c: &%c [%s]" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 9)
        ), "values"),
        (b"PK\x03\x04 broken", "can't be unpacked"),
        (b"\x1f\x8b broken", "can't be unpacked"),
        (zip_of("pipeline.yaml", b" " * (64 << 20)), "8 MiB"),
        (zip_of("readme.txt", b"x"), "holds 0"),
        (tar_of("pipeline.yaml", b" " * (65 << 20)), "64 MiB"),
        (tar_of("pipeline.yaml", b"", tarfile.SYMTYPE), "holds 0"),
        (gzip.compress(b"\0" * (100 << 20)), "64 MiB"),
    ],
    ids=["empty", "binary", "text", "aliases", "zip", "gzip", "zip bomb", "no YAML", "tar bomb", "link", "gzip bomb"],
)  # fmt: skip
def test_packages_that_are_none(server: Server, token: str, content: bytes, told: str) -> None:
    """However they are packed, nothing beyond the limits is unpacked, and the server goes on."""
    status, answer = upload(server, token, content)
    assert (status, answer["code"]) == (400, 3)
    assert told in answer["message"], answer["message"]
    assert server.ask("GET", f"{API}/runs", token)[0] == 200


def test_a_pipeline_that_no_config_map_holds(server: Server, token: str) -> None:
    """It says how much fits. Random text can't be compressed."""
    documents = compiled.documents()
    source = random.Random(1)  # noqa: S311 - noise
    noise = "".join(source.choices("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOP", k=1_600_000))
    documents[0]["components"]["comp-count"]["description"] = noise
    status, told = upload(server, token, json.dumps(documents[0]).encode())
    assert status == 400
    assert "at most 900000 can be kept" in told["message"]


@pytest.mark.parametrize(
    "page_token",
    [
        "x",
        "!!!!",
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b'["created_at","","x"]').decode(),
        base64.urlsafe_b64encode(b'["password","","x","y"]').decode(),
        base64.urlsafe_b64encode(b'["created_at",{},"x","y"]').decode(),
        base64.urlsafe_b64encode(b'["created_at","{","x","y"]').decode(),
        base64.urlsafe_b64encode(json.dumps(["created_at", "", "x" * 5000, "y"]).encode()).decode(),
    ],
)
def test_forged_page_tokens(server: Server, token: str, page_token: str) -> None:
    """None of them is ours; one that looks so asks for nothing that its sender could not ask for."""
    status, told = server.ask("GET", f"{API}/runs?page_token={page_token}", token)
    assert (status, told["code"]) == (400, 3)


@pytest.mark.parametrize(
    "query",
    [
        "page_size=-1",
        "page_size=x",
        "sort_by=password",
        "sort_by=created_at+sideways",
        "filter=%7B",
        "filter=[]",
        "filter=%7B%22predicates%22:1%7D",
    ],
)
def test_lists_that_can_not_be_asked_for(server: Server, token: str, query: str) -> None:
    """Each parameter is read, none is trusted."""
    assert server.ask("GET", f"{API}/runs?{query}", token)[0] == 400


def test_objects_that_others_wrote(server: Server, token: str) -> None:
    """A ConfigMap with our labels and nonsense, and a run that kubectl made, disturb nobody."""
    world = server.world
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": world.reader}}
    for number, kind in enumerate(("experiment", "pipeline", "version", "run", "x")):
        odd = json.loads(json.dumps(config_map))
        odd["metadata"] |= {"name": f"odd-{number}", "labels": {"moorage.dev/kfp": kind}}
        world.apply(odd | {"data": {"tags": "[", "displayName": "n" * 500, "archivedAt": "yesterday"}})
    world.apply(
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "StretchedPipeline",
            "metadata": {"namespace": world.reader, "name": "by-hand"},
            "spec": {"pipeline": {"inline": "x"}},
        }
    )
    task = {"name": "../\u202e", "phase": "Failed", "site": "nowhere", "attempt": 1}
    status = {"message": "m" * 4000, "tasks": [task]}
    world.set_status("stretchedpipeline", "by-hand", status, world.reader)
    uid = world.get("stretchedpipeline", "by-hand", world.reader)["metadata"]["uid"]

    def is_there() -> bool:
        status, told = server.ask("GET", f"{API}/runs/{uid}", token)
        return status == 200 and bool(told["run_details"]["task_details"])

    eventually(is_there)
    assert server.ask("GET", f"{API}/runs/by-hand", token)[0] == 404
    for what in ("experiments", "pipelines", "runs"):
        assert server.ask("GET", f"{API}/{what}?page_size=200", token)[0] == 200
    assert server.ask("POST", f"{API}/runs/{uid}:terminate", token)[0] == 200


def test_ids_that_another_tenant_took(world_of_two: Server, token: str) -> None:
    """A tenant calls a run in its own namespace like somebody else's: each still finds their own."""
    server, world = world_of_two, world_of_two.world
    _, experiment = server.ask("POST", f"{API}/experiments", token, {"display_name": "x", "namespace": world.reader})
    status, run = submit(server, token, experiment_id=experiment["experiment_id"])
    assert status == 200, run
    raw = world.get("stretchedpipeline", run["run_id"], world.reader)
    forged = {
        "apiVersion": raw["apiVersion"],
        "kind": raw["kind"],
        "metadata": {"name": run["run_id"], "namespace": world.steward, "labels": raw["metadata"]["labels"]},
        "spec": {"pipeline": {"inline": "x"}},
    }
    world.apply(forged)
    admin = world.kubectl("create", "token", "lord", "-n", world.steward).strip()
    eventually(lambda: server.ask("GET", f"{API}/runs/{run['run_id']}", admin)[0] == 200)
    assert server.ask("GET", f"{API}/runs/{run['run_id']}", token)[1]["display_name"] == "a run"
    assert server.ask("GET", f"{API}/runs/{run['run_id']}", admin)[1]["display_name"] == run["run_id"]
    assert server.ask("GET", f"{API}/runs", token)[0] == 400  # a namespace must be named
    assert server.ask("GET", f"{API}/runs?namespace={world.steward}", token)[0] == 403
    status, told = submit(server, admin, experiment_id=experiment["experiment_id"])
    assert (status, "not there, or you may not see it" in told["message"]) == (404, True)


def test_a_flood_of_connections(server: Server, token: str) -> None:
    """Others are served meanwhile."""
    port = int(server.url.rpartition(":")[2])
    with flooded(port, f"{API}/runs", Flood.HEADER, 600, ONE_ADDRESS):
        assert server.ask("GET", f"{API}/runs", token)[0] == 200
