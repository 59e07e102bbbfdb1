"""The real driver, sidecar, kernel and S3 server: publish, read, unpublish."""

import hashlib
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import httpx2 as httpx
import pytest

from moorage.serving.certificates import make_authority, make_leaf
from moorage.sources.http import HttpSource
from node_plugin.csi_schema import REGISTRATION
from node_plugin.read_ahead import READ_AHEAD_KIB
from tests.node_plugin.object_stores import ObjectStore
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import MakePod, Node, rclones_of, wait_for
from tests.polling import PATIENCE_SECONDS
from tests.web_server import serve_folder

pytestmark = pytest.mark.real

READ_ALL = """
import hashlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        print(path.relative_to(sys.argv[1]), hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_a_pod_reads_what_was_uploaded(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """Every byte of a granted dataset reaches an app of another user, and nothing but the granted prefix."""
    objects = {"a.parquet": b"a" * 3_000_000, "deep/er/b.csv": b"x,y\n1,2\n", "empty": b""}
    for key, body in objects.items():
        object_store.client.put_object(Bucket="steward-data", Key=f"claims/{key}", Body=body)
    object_store.client.put_object(Bucket="steward-data", Key="secret/other", Body=b"no")
    broker.grant("stewards/claims", object_store.source("claims/"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims", namespace="stewards")
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    app = node.start_container(pod, "claims", READ_ALL)
    text, _ = app.communicate(timeout=60)
    expected = {key: hashlib.sha256(body).hexdigest() for key, body in objects.items()}
    assert dict(line.split() for line in text.decode().splitlines()) == expected
    options = {
        line.split()[5] for line in node.output("cat", "/proc/self/mountinfo").splitlines() if "fuse.moorage" in line
    }
    assert all({"ro", "nosuid", "nodev", "noexec"} <= set(each.split(",")) for each in options)
    assert options
    node.unpublish(pod, "claims")
    assert node.stack(pod, "claims") == []
    assert not pod.target("claims").exists()


def test_a_pod_reads_a_folder_behind_a_web_server(
    node: Node, make_pod: MakePod, broker: PlayedBroker, tmp_path: Path
) -> None:
    """Over TLS, by an authority of the Dataset's; every byte, in folders too."""
    objects = {"a.parquet": b"a" * 3_000_000, "deep/er/b ü.csv": b"x,y\n1,2\n", "empty": b""}
    for key, body in objects.items():
        (tmp_path / "data" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / key).write_bytes(body)
    now = datetime.now(tz=UTC)
    authority = make_authority("nobody", now, timedelta(days=1))
    leaf = make_leaf(authority, ("127.0.0.1",), now, timedelta(days=1))
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate.pem + leaf.key_pem)
    with serve_folder(tmp_path / "data", tmp_path / "leaf.pem") as url:
        place = HttpSource(url, ca_bundle=authority.certificate.pem.decode())
        broker.grant("fraud/claims", {"kind": place.kind, **place.write()})
        pod = make_pod()
        node.publish(pod, "claims", dataset="claims")
        node.start_sidecar(pod, "claims")
        node.wait_ready(pod, "claims")
        app = node.start_container(pod, "claims", READ_ALL)
        text, _ = app.communicate(timeout=PATIENCE_SECONDS)
        expected = {key: hashlib.sha256(body).hexdigest() for key, body in objects.items()}
        assert dict(line.rsplit(" ", 1) for line in text.decode().splitlines()) == expected
        node.unpublish(pod, "claims")


def test_a_pod_reads_a_single_file_behind_a_web_server(
    node: Node, make_pod: MakePod, broker: PlayedBroker, tmp_path: Path
) -> None:
    """By its own name, every byte, over TLS; also after its mount server was killed. Nobody prints its query."""
    body = os.urandom(3_000_000)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a ü.csv").write_bytes(body)
    now = datetime.now(tz=UTC)
    authority = make_authority("nobody", now, timedelta(days=1))
    leaf = make_leaf(authority, ("127.0.0.1",), now, timedelta(days=1))
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate.pem + leaf.key_pem)
    pod = make_pod()
    with serve_folder(tmp_path / "data", tmp_path / "leaf.pem") as url:
        place = HttpSource(f"{url}a%20%C3%BC.csv?token=5ecret", ca_bundle=authority.certificate.pem.decode())
        broker.grant("fraud/claims", {"kind": place.kind, **place.write()})
        node.publish(pod, "claims", dataset="claims")
        sidecar = node.start_sidecar(pod, "claims")
        node.wait_ready(pod, "claims")
        for _ in range(2):
            text, _ = node.start_container(pod, "claims", READ_ALL).communicate(timeout=PATIENCE_SECONDS)
            assert text.decode() == f"a ü.csv {hashlib.sha256(body).hexdigest()}\n"
            (server,) = rclones_of(sidecar)
            os.kill(server, signal.SIGKILL)
            wait_for("another server", lambda: rclones_of(sidecar) not in ([], [server]))  # noqa: B023 - asked here
            node.wait_ready(pod, "claims")
    # Without the server there is an error, and no empty folder.
    assert "rror" in node.output("ls", str(pod.target("claims")))
    assert "5ecret" not in node.sidecar_log(pod) + node.log.read_text()
    node.unpublish(pod, "claims")


def test_a_single_file_that_is_not_there_is_named(
    node: Node, make_pod: MakePod, broker: PlayedBroker, tmp_path: Path
) -> None:
    """By the sidecar, without its query."""
    with serve_folder(tmp_path) as url:
        place = HttpSource(f"{url}absent.csv?token=5ecret")
        broker.grant("fraud/claims", {"kind": place.kind, **place.write()}, version=None)
        pod = make_pod()
        node.publish(pod, "claims", dataset="claims")
        node.start_sidecar(pod, "claims")
        wait_for("its reason", lambda: "absent.csv is not there" in node.readiness(pod, "claims")[1])
        assert "5ecret" not in node.readiness(pod, "claims")[1]
        node.unpublish(pod, "claims")


def test_publishing_twice_is_publishing_once(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """The kubelet repeats itself: one mount, one question, another for the sidecar, and what is served stays."""
    broker.grant("fraud/claims", object_store.source("claims"))
    pod = make_pod()
    for _ in range(3):
        node.publish(pod, "claims", dataset="claims")
    assert node.stack(pod, "claims") == ["fuse.moorage"]
    assert len(broker.questions) == 1
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    node.publish(pod, "claims", dataset="claims")
    assert node.stack(pod, "claims") == ["fuse.moorage"] * 2
    assert len(broker.questions) == 2


def test_a_mount_that_is_gone_is_made_again(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """After a reboot the record is there and the mount is not."""
    broker.grant("fraud/claims", object_store.source("claims"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.output("umount", "-l", str(pod.target("claims")))
    node.publish(pod, "claims", dataset="claims")
    assert node.stack(pod, "claims") == ["fuse.moorage"]


@pytest.mark.parametrize("restart", [None, signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_never_comes_holds_nobody_up(
    node: Node,
    make_pod: MakePod,
    object_store: ObjectStore,
    broker: PlayedBroker,
    restart: signal.Signals | None,
) -> None:
    """Looking into the mount fails at once, and it can be removed, whether or not the driver was restarted."""
    broker.grant("fraud/claims", object_store.source("claims"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    assert "not connected" in node.output("ls", str(pod.target("claims")))
    if restart is not None:
        node.stop_driver(restart)
        node.start_driver()
    for _ in range(2):
        node.unpublish(pod, "claims")
    assert node.stack(pod, "claims") == []
    assert not pod.target("claims").exists()
    assert list((node.kubelet_dir / "plugins" / "data.moorage.dev" / "volumes").iterdir()) == []


def test_unpublish_frees_who_waits_for_a_server(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """A server that hangs: the app's call fails, and the mount is removed."""
    broker.grant("fraud/claims", object_store.source("claims"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    sidecar = node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    for server in rclones_of(sidecar):
        os.kill(server, signal.SIGSTOP)
    script = "import os, sys\nprint('looking')\ntry: os.listdir(sys.argv[1])\nexcept OSError as e: print(e.errno)"
    app = node.start_container(pod, "claims", script)
    assert app.stdout is not None
    assert app.stdout.readline() == b"looking\n"
    node.unpublish(pod, "claims")
    assert app.stdout.read().strip() in {b"107", b"103"}
    assert node.stack(pod, "claims") == []


def test_unpublish_needs_no_record(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """A driver that lost its journal still removes what is mounted, however deep."""
    broker.grant("fraud/claims", object_store.source("claims"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.output("mount", "-t", "tmpfs", "other", str(pod.target("claims")))
    node.stop_driver(signal.SIGKILL)
    journal = node.kubelet_dir / "plugins" / "data.moorage.dev" / "volumes"
    for record in journal.iterdir():
        record.write_text('{"target": 1')
    node.start_driver()
    assert len(node.stack(pod, "claims")) == 2
    node.unpublish(pod, "claims")
    assert node.stack(pod, "claims") == []
    assert not pod.target("claims").exists()


def test_two_datasets_of_a_pod_are_served_side_by_side(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """Each with its own server; the pod is ready when both are."""
    for name in ("one", "two"):
        object_store.client.put_object(Bucket="steward-data", Key=f"{name}/is", Body=name.encode())
        broker.grant(f"fraud/{name}", object_store.source(name))
    pod = make_pod()
    node.publish(pod, "one", dataset="one")
    node.start_sidecar(pod, "one,two")
    node.wait_ready(pod, "one")
    # The first answer for the second may come after the first server.
    told = "two: the kubelet has not asked"
    wait_for("the second's first answer", lambda: node.readiness(pod, "one,two")[1].startswith(told))
    assert node.readiness(pod, "one,two")[0] == 1
    node.publish(pod, "two", dataset="two")
    node.wait_ready(pod, "one,two")
    assert [node.output("cat", f"{pod.target(name)}/is") for name in ("one", "two")] == ["one", "two"]
    node.unpublish(pod, "one")
    assert node.output("cat", f"{pod.target('two')}/is") == "two"


def test_the_hook_ends_once_all_is_served(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """It may be there before the supervisor is; what does not come in time is not waited for."""
    object_store.client.put_object(Bucket="steward-data", Key="hook/file", Body=b"here")
    broker.grant("fraud/claims", object_store.source("hook"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    assert node.hook(pod, "claims", 0.1) == (0, "")
    assert node.readiness(pod, "claims")[0] == 1
    node.start_sidecar(pod, "claims")
    assert node.hook(pod, "claims", 60) == (0, "")
    assert node.readiness(pod, "claims") == (0, "ready\n")
    assert node.output("cat", f"{pod.target('claims')}/file") == "here"


def test_the_kernel_reads_a_mebibyte_ahead_from_every_server(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """The driver asks for it and the server does not lower it, the first one nor the one after its death."""
    object_store.client.put_object(Bucket="steward-data", Key="ahead/file", Body=b"a")
    broker.grant("fraud/claims", object_store.source("ahead"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    sidecar = node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    wait_for("the read-ahead", lambda: node.read_ahead_kib(pod, "claims") == READ_AHEAD_KIB)
    (server,) = rclones_of(sidecar)
    os.kill(server, signal.SIGKILL)
    wait_for("a new server", lambda: rclones_of(sidecar) not in ([], [server]))
    node.wait_ready(pod, "claims")
    # Who could read has a server that answered the kernel's first request.
    assert node.output("cat", f"{pod.target('claims')}/file") == "a"
    wait_for("the read-ahead", lambda: node.read_ahead_kib(pod, "claims") == READ_AHEAD_KIB)


def test_reading_on_is_silent(node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker) -> None:
    """A server that can't hand an answer over without copying it says so for each: a line for every MiB."""
    object_store.client.put_object(Bucket="steward-data", Key="silent/file", Body=os.urandom(16 << 20))
    broker.grant("fraud/claims", object_store.source("silent"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    wait_for("the read-ahead", lambda: node.read_ahead_kib(pod, "claims") == READ_AHEAD_KIB)
    assert node.output("sha256sum", f"{pod.target('claims')}/file")
    assert [line for line in node.sidecar_log(pod).splitlines() if " INFO claims: " not in line] == []


def test_far_data_is_kept_on_the_node(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """What was read once from another site is read again without it."""
    object_store.client.put_object(Bucket="steward-data", Key="far/file", Body=b"f" * 500_000)
    broker.grant("fraud/claims", object_store.source("far", local=False))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    assert (
        node.output("sha256sum", f"{pod.target('claims')}/file").split()[0]
        == hashlib.sha256(b"f" * 500_000).hexdigest()
    )
    cached = pod.run_dir.parent / "moorage-cache" / "claims"
    assert sum(path.stat().st_size for path in cached.rglob("file")) >= 500_000


def test_an_endpoint_with_its_own_authority_is_served(
    node: Node, make_pod: MakePod, broker: PlayedBroker, rclone_s3_over_tls: tuple[str, str, str]
) -> None:
    """The dataset's caBundle is trusted, for this dataset alone."""
    endpoint, authority, content = rclone_s3_over_tls
    source = {"site": "eu-1", "kind": "s3", "endpoint": endpoint, "bucket": "bucket", "prefix": "", "region": None}
    broker.grant("fraud/claims", source | {"caBundle": authority, "local": True})
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    assert node.output("cat", f"{pod.target('claims')}/file") == content


def test_a_directory_of_the_node_is_bound_read_only(
    node: Node, make_pod: MakePod, broker: PlayedBroker, tmp_path: Path
) -> None:
    """hostPath: by the kernel, without a server; links resolve inside the node's root; nothing can be written."""
    data = tmp_path / "host" / "srv" / "data"
    data.mkdir(parents=True)
    (data / "file").write_text("on the node")
    (tmp_path / "host" / "link").symlink_to("/srv/data")
    node.stop_driver()
    node.environment["MOORAGE_HOST_ROOT"] = str(tmp_path / "host")
    node.start_driver()
    for path in ("/srv/data", "/link"):
        broker.grant("fraud/claims", {"kind": "hostPath", "path": path})
        pod = make_pod()
        node.publish(pod, "claims", dataset="claims")
        node.start_sidecar(pod, "claims")
        node.wait_ready(pod, "claims")
        assert node.output("cat", f"{pod.target('claims')}/file") == "on the node"
        assert "Read-only file system" in node.output("touch", f"{pod.target('claims')}/new")
        node.unpublish(pod, "claims")
        assert node.stack(pod, "claims") == []
    assert (data / "file").read_text() == "on the node"


def test_a_directory_that_the_node_lacks_is_named(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """A sentence that names the path, and nothing is left."""
    broker.grant("fraud/claims", {"kind": "hostPath", "path": "/not/here"})
    pod = make_pod()
    with pytest.raises(grpc.RpcError, match="/not/here can't be read on this node"):
        node.publish(pod, "claims", dataset="claims")
    assert not pod.target("claims").exists()


def test_without_a_list_no_directory_of_the_node_is_shown(
    node: Node, make_pod: MakePod, broker: PlayedBroker, tmp_path: Path
) -> None:
    """As installed by default: the sentence says who decides, and nothing is left."""
    node.stop_driver()
    node.environment["MOORAGE_HOST_ROOT"] = str(tmp_path / "absent")
    node.start_driver()
    broker.grant("fraud/claims", {"kind": "hostPath", "path": "/etc"})
    pod = make_pod()
    with pytest.raises(grpc.RpcError, match=r"/etc is not available to pods: .*nodePlugin\.hostPaths"):
        node.publish(pod, "claims", dataset="claims")
    assert not pod.target("claims").exists()


def test_no_link_leads_out_of_the_listed_folders(
    node: Node, make_pod: MakePod, broker: PlayedBroker, tmp_path: Path
) -> None:
    """Whoever may write into a listed folder can't put the node's other files into a Dataset."""
    data = tmp_path / "host" / "srv"
    data.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (data / "absolute").symlink_to(outside)
    (data / "relative").symlink_to("../../outside")
    (data / "magic").symlink_to("/proc/self/root")
    node.stop_driver()
    node.environment["MOORAGE_HOST_ROOT"] = str(tmp_path / "host")
    node.start_driver()
    for name in ("absolute", "relative", "magic"):
        broker.grant("fraud/claims", {"kind": "hostPath", "path": f"/srv/{name}"})
        with pytest.raises(grpc.RpcError, match="can't be read on this node"):
            node.publish(make_pod(), "claims", dataset="claims")


@pytest.mark.skipif("nfs4" in Path("/proc/filesystems").read_text(), reason="this kernel has an NFS client")
def test_a_kernel_without_nfs_says_so(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """The remedy is in the sentence, and nothing is left."""
    broker.grant("fraud/claims", {"kind": "nfs", "server": "127.0.0.1", "path": "/export"})
    pod = make_pod()
    with pytest.raises(grpc.RpcError, match="load the module nfsv4"):
        node.publish(pod, "claims", dataset="claims")
    assert not pod.target("claims").exists()


def test_the_kubelet_finds_and_loses_the_driver(node: Node) -> None:
    """Registration, readiness, and an orderly end: the registration's socket goes, the mounts' records stay."""
    info = node.register("GetInfo", REGISTRATION["InfoRequest"](), "PluginInfo")
    assert (info.type, info.name, list(info.supported_versions)) == ("CSIPlugin", "data.moorage.dev", ["1.0.0"])
    assert info.endpoint == str(node.kubelet_dir / "plugins" / "data.moorage.dev" / "csi.sock")
    assert node.call("GetPluginInfo").name == "data.moorage.dev"
    assert node.call("NodeGetInfo").node_id == "eu-1-a"
    url = f"http://127.0.0.1:{node.environment['MOORAGE_HEALTH_LISTEN_PORT']}"
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert "not registered the driver yet" in httpx.get(f"{url}/readyz").text
    node.register(
        "NotifyRegistrationStatus",
        REGISTRATION["RegistrationStatus"](plugin_registered=True),
        "RegistrationStatusResponse",
    )
    assert httpx.get(f"{url}/readyz").status_code == 200
    assert node.stop_driver() == 0
    assert not (node.kubelet_dir / "plugins_registry" / "data.moorage.dev-reg.sock").exists()
