"""The client against a real API server: what it reads and writes, and how each failure is told."""

import base64
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from moorage.errors import ConflictError, ForbiddenError, KubeError, NotFoundError, SettingError, UnreachableError
from moorage.kube import CONFIG_MAPS, NODES, PODS, SECRETS, Client, RawObject
from moorage.kube.client import Selection
from moorage.kube.connection import find_config, open_http
from moorage.serving.certificates import make_authority
from tests.planes import make_token

WriteConfig = Callable[..., Path]


def config_map(namespace: str, name: str = "x", **data: str) -> RawObject:
    """A ConfigMap."""
    return {"metadata": {"namespace": namespace, "name": name, "labels": {"name": name}}, "data": data}


async def test_an_object_is_created_read_replaced_and_deleted(client: Client, namespace: str) -> None:
    """The plain life of an object."""
    created = await client.create(CONFIG_MAPS, config_map(namespace, a="1"))
    assert (await client.get(CONFIG_MAPS, "x", namespace))["data"] == {"a": "1"}
    await client.replace(CONFIG_MAPS, {**created, "data": {"b": "2"}})
    assert (await client.get(CONFIG_MAPS, "x", namespace))["data"] == {"b": "2"}
    await client.delete(CONFIG_MAPS, "x", namespace, uid=created["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await client.get(CONFIG_MAPS, "x", namespace)


async def test_whoever_reads_an_old_version_may_not_write(client: Client, namespace: str) -> None:
    """Optimistic concurrency, for replace and for a merge patch that carries a version."""
    old = await client.create(CONFIG_MAPS, config_map(namespace, a="1"))
    await client.replace(CONFIG_MAPS, {**old, "data": {"a": "2"}})
    with pytest.raises(ConflictError) as caught:
        await client.replace(CONFIG_MAPS, {**old, "data": {"a": "3"}})
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    with pytest.raises(ConflictError):
        await client.merge_patch(CONFIG_MAPS, {"metadata": old["metadata"], "data": {"a": "3"}})
    with pytest.raises(ConflictError):
        await client.create(CONFIG_MAPS, config_map(namespace))
    with pytest.raises(ConflictError):
        await client.delete(CONFIG_MAPS, "x", namespace, uid="another")


async def test_apply_owns_its_fields(client: Client, plane: Cluster, namespace: str) -> None:
    """A field that is no longer applied goes; another manager's field is a conflict unless forced."""
    await client.apply(CONFIG_MAPS, config_map(namespace, a="1", b="1"))
    applied = await client.apply(CONFIG_MAPS, config_map(namespace, a="1"))
    assert applied["data"] == {"a": "1"}
    async with Client.from_environment(plane.kubeconfig_path, field_manager="other") as other:
        with pytest.raises(ConflictError):
            await other.apply(CONFIG_MAPS, config_map(namespace, a="2"), force=False)
        assert (await other.apply(CONFIG_MAPS, config_map(namespace, a="2")))["data"] == {"a": "2"}


async def test_patches(client: Client, namespace: str) -> None:
    """A merge removes what is None; a JSON patch whose test fails changes nothing."""
    await client.create(CONFIG_MAPS, config_map(namespace, a="1", b="1"))
    merged = await client.merge_patch(
        CONFIG_MAPS, {"metadata": {"namespace": namespace, "name": "x"}, "data": {"b": None, "c": "3"}}
    )
    assert merged["data"] == {"a": "1", "c": "3"}
    replace = {"op": "replace", "path": "/data/a", "value": "2"}
    patched = await client.json_patch(CONFIG_MAPS, "x", [replace], namespace=namespace)
    assert patched["data"]["a"] == "2"
    test = {"op": "test", "path": "/data/a", "value": "1"}
    with pytest.raises(KubeError) as caught:
        await client.json_patch(CONFIG_MAPS, "x", [test, replace], namespace=namespace)
    assert caught.value.status == 422


async def test_status_is_written_apart(client: Client, namespace: str) -> None:
    """Through the subresource, and through nothing else."""
    metadata = {"namespace": namespace, "name": "p"}
    await client.create(PODS, {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    patched = await client.merge_patch(PODS, {"metadata": metadata, "status": {"message": "m"}}, subresource="status")
    assert patched["status"]["message"] == "m"
    patched = await client.merge_patch(PODS, {"metadata": metadata, "status": {"message": "n"}})
    assert patched["status"]["message"] == "m"
    applied = await client.apply(PODS, {"metadata": metadata, "status": {"message": "o"}}, subresource="status")
    assert applied["status"]["message"] == "o"
    await client.delete(PODS, "p", namespace, grace_seconds=0)


async def test_a_dry_run_leaves_nothing(client: Client, namespace: str) -> None:
    """But tells what would be."""
    dry = await client.create(CONFIG_MAPS, config_map(namespace, a="1"), dry_run=True)
    assert dry["metadata"]["uid"]
    assert not await client.list(CONFIG_MAPS, Selection(namespace, labels="name=x"))


async def test_lists_come_in_pages_of_one_version(client: Client, namespace: str) -> None:
    """Each item once, with its kind, and the selection applied."""
    for number in range(7):
        await client.create(CONFIG_MAPS, config_map(namespace, f"m{number}"))
    mine = Selection(namespace, labels="name")
    pages = [page async for page in client.pages(CONFIG_MAPS, mine, size=3)]
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert len({page.resource_version for page in pages}) == 1
    names = [item["metadata"]["name"] for page in pages for item in page.items]
    assert names == [f"m{number}" for number in range(7)]
    assert {(item["apiVersion"], item["kind"]) for page in pages for item in page.items} == {("v1", "ConfigMap")}
    (only,) = await client.list(CONFIG_MAPS, Selection(namespace, fields="metadata.name=m3"))
    assert only["metadata"]["name"] == "m3"


async def test_pages_are_bounded_by_bytes(client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large objects come few at a time, and all of them come, also one that is larger than a page."""
    sizes = [100, 100, 40_000, 40_000, 40_000, 40_000, 150_000, 100, 100]
    for number, size in enumerate(sizes):
        await client.create(CONFIG_MAPS, config_map(namespace, f"m{number}", payload="x" * size))
    monkeypatch.setattr("moorage.kube.client.PAGE_BYTES", 100_000)
    mine = Selection(namespace, labels="name")
    pages = [page async for page in client.pages(CONFIG_MAPS, mine, size=8)]
    names = [item["metadata"]["name"] for page in pages for item in page.items]
    assert names == [f"m{number}" for number in range(len(sizes))]
    held = [sum(len(item["data"]["payload"]) for item in page.items) for page in pages]
    assert max(held) <= 150_000
    assert all(total <= 100_000 for total, page in zip(held, pages, strict=True) if len(page.items) > 1)


async def test_an_invalid_object_is_refused_in_the_servers_words(client: Client, namespace: str) -> None:
    """With the status, the reason and the object."""
    with pytest.raises(KubeError, match=f"create ConfigMap {namespace}/NO: .*lowercase") as caught:
        await client.create(CONFIG_MAPS, config_map(namespace, "NO"))
    assert (caught.value.status, caught.value.reason) == (422, "Invalid")


async def test_names_are_no_way_out_of_a_path(client: Client, namespace: str) -> None:
    """A name from elsewhere can't reach another resource."""
    with pytest.raises(KubeError):
        await client.get(CONFIG_MAPS, "../secrets", namespace)


async def test_an_account_without_rights_is_forbidden(client: Client, namespace: str, kubeconfig: WriteConfig) -> None:
    """403 and 401 alike, and the message says who may not do what."""
    token = await make_token(client, namespace)
    async with Client.from_environment(kubeconfig(user={"token": token})) as poor:
        with pytest.raises(ForbiddenError, match=r"cannot list resource \"secrets\"") as caught:
            await poor.list(SECRETS)
        assert caught.value.status == 403
    async with Client.from_environment(kubeconfig(user={"token": "nonsense"})) as nobody:
        with pytest.raises(ForbiddenError) as caught:
            await nobody.list(SECRETS)
        assert caught.value.status == 401
        assert "nonsense" not in str(caught.value)


async def test_a_rotated_token_file_is_read_again(
    client: Client, namespace: str, kubeconfig: WriteConfig, tmp_path: Path
) -> None:
    """The kubelet replaces the file before the token expires; the process goes on."""
    file = tmp_path / "token"
    file.write_text("expired")
    async with Client.from_environment(kubeconfig(user={"tokenFile": str(file)})) as pod:
        with pytest.raises(ForbiddenError) as caught:
            await pod.get(CONFIG_MAPS, "x", namespace)
        assert caught.value.status == 401
        file.write_text(await make_token(client, namespace))
        with pytest.raises(ForbiddenError) as caught:
            await pod.get(CONFIG_MAPS, "x", namespace)
        assert caught.value.status == 403  # known by now, but without rights
        file.unlink()
        with pytest.raises(ForbiddenError) as caught:
            await pod.get(CONFIG_MAPS, "x", namespace)
        assert caught.value.status == 403  # the last token still serves
    async with Client.from_environment(kubeconfig(user={"tokenFile": str(file)})) as pod:
        with pytest.raises(ForbiddenError, match="no credentials") as caught:
            await pod.get(CONFIG_MAPS, "x", namespace)
        assert caught.value.reason == "NoCredentials"


@pytest.mark.parametrize("version", ["v1beta1", "v1"])
async def test_a_credential_plugin_is_run(
    version: str, client: Client, namespace: str, kubeconfig: WriteConfig, tmp_path: Path
) -> None:
    """As cloud providers' kubeconfigs want it, of either version; v1 is told what is wanted."""
    (tmp_path / "token").write_text(await make_token(client, namespace))
    script = """if True:
        import json, os, sys
        if sys.argv[2] == "v1":
            assert json.loads(os.environ["KUBERNETES_EXEC_INFO"])["spec"] == {"interactive": False}
        print(json.dumps({"status": {"token": open(sys.argv[1]).read()}}))
    """
    plugin = {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "command": sys.executable,
        "args": ["-c", script, str(tmp_path / "token"), version],
    }
    async with Client.from_environment(kubeconfig(user={"exec": plugin})) as cloud:
        with pytest.raises(ForbiddenError, match=f"system:serviceaccount:{namespace}:default"):
            await cloud.list(SECRETS)


@pytest.mark.parametrize("command", ["/nonexistent/plugin", "false"])
async def test_a_failing_credential_plugin_is_told(command: str, kubeconfig: WriteConfig) -> None:
    """It is not taken for a dead API server."""
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": command}
    async with Client.from_environment(kubeconfig(user={"exec": plugin})) as cloud:
        with pytest.raises(ForbiddenError, match="no credentials"):
            await cloud.list(NODES)


async def test_tokens_are_reviewed(client: Client, namespace: str) -> None:
    """For the audience that is asked about, and no other."""
    token = await make_token(client, namespace, "moorage-broker")
    status = await client.review_token(token, ["moorage-broker"])
    assert status["authenticated"]
    assert status["audiences"] == ["moorage-broker"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:default"
    assert not (await client.review_token(token, ["another"])).get("authenticated")
    assert not (await client.review_token("nonsense", ["moorage-broker"])).get("authenticated")


async def test_the_kernel_watches_over_connections(plane: Cluster) -> None:
    """A peer that is lost while nothing is sent is noticed by its missing answers to probes."""
    async with open_http(find_config(plane.kubeconfig_path)) as http, http.stream("GET", "/version") as answer:
        connection = answer.extensions["network_stream"].get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        probes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
        assert idle + probes * connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) <= 30
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        await answer.aread()


async def test_nobody_there_is_unreachable(kubeconfig: WriteConfig) -> None:
    """With the address, so that a person sees which cluster was meant."""
    config = kubeconfig(cluster={"server": "https://127.0.0.1:1"})
    async with Client.from_environment(config) as nowhere:
        with pytest.raises(UnreachableError, match=r"https://127\.0\.0\.1:1 does not answer"):
            await nowhere.list(NODES)


async def test_a_stranger_with_a_wrong_certificate_is_unreachable(kubeconfig: WriteConfig) -> None:
    """An API server that the kubeconfig's CA does not vouch for gets no credentials."""
    other = make_authority("other", datetime.now(tz=UTC), timedelta(days=1)).certificate.pem
    config = kubeconfig(cluster={"certificate-authority-data": base64.b64encode(other).decode()})
    async with Client.from_environment(config) as deceived:
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            await deceived.list(NODES)


UNUSABLE = {
    "missing": None,
    "empty": "",
    "not YAML": "{",
    "not a kubeconfig": "a: b",
    "no context": "{apiVersion: v1, kind: Config, clusters: [], contexts: [], users: []}",
    "wrong types": "{current-context: a, clusters: [{name: a, cluster: {server: 5}}], users: [], contexts: []}",
    "no such cluster": "{current-context: a, clusters: [], users: [], contexts: [{name: a, context: {cluster: b}}]}",
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_kubeconfig_is_named(case: str, tmp_path: Path) -> None:
    """With its path and the remedy."""
    path = tmp_path / "config"
    content = UNUSABLE[case]
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingError, match=r"KUBECONFIG|--context") as caught:
        Client.from_environment(path)
    assert str(path) in str(caught.value)


def test_an_unreadable_client_certificate_is_named(kubeconfig: WriteConfig) -> None:
    """Not as a Python traceback."""
    config = kubeconfig(user={"client-certificate": "/nonexistent.crt", "client-key": "/nonexistent.key"})
    with pytest.raises(SettingError, match="certificate or key can't be read"):
        Client.from_environment(config)


def test_the_environment_is_searched_as_kubectl_does(
    kubeconfig: WriteConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """KUBECONFIG before a pod's account; of several files the first that exists."""
    first, second = kubeconfig(cluster={"server": "https://first"}), kubeconfig(cluster={"server": "https://second"})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{first}:{second}")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert Client.from_environment().address == "https://first"
    assert Client.from_environment(second).address == "https://second"
