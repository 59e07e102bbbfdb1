"""The parts that a cluster is put together from, each alone."""

import contextlib
import os
import signal
import socket
import ssl
import sys
import time
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from devcluster import address, dns, kubeconfig, limits, process, record
from devcluster.address import Addresses
from devcluster.certificates import Authority, service_account_keys
from devcluster.layout import Layout, cache_dir, state_root
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError
from tests.polling import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep away from the clusters and the cache of this machine."""
    monkeypatch.setenv("MOORAGE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MOORAGE_CACHE", str(tmp_path / "cache"))


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_nodes_are_numbered_over_all_sites() -> None:
    """Names tell the site, numbers give the addresses."""
    spec = ClusterSpec(sites={"eu-1": 2, "us-1": 1})
    assert [(node.name, node.site, node.number) for node in spec.nodes] == [
        ("eu-1-n1", "eu-1", 0),
        ("eu-1-n2", "eu-1", 1),
        ("us-1-n1", "us-1", 2),
    ]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "Not_A_Label"}, "cluster name 'Not_A_Label'"),
        ({"name": "../escape"}, "cluster name"),
        ({"name": "x" * 25}, "at most 24"),
        ({"sites": {}}, "at least one site"),
        ({"sites": {"eu 1": 1}}, "site name 'eu 1'"),
        ({"sites": {"eu-1": -1}}, "negative"),
        ({"sites": {"eu-1": 65}}, "at most 64"),
        ({"fake_nodes": -1}, "negative"),
        ({"object_stores": ("asia-1",)}, "object store at asia-1: no such site; the sites are eu-1, us-1"),
        ({"object_stores": ("eu-1", "eu-1")}, "once"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, object], named: str) -> None:
    """Before anything is started, with a sentence that says what to write."""
    with pytest.raises(DevClusterError) as refused:
        ClusterSpec(**changes)  # type: ignore[arg-type]
    assert named in str(refused.value)


# --- addresses -------------------------------------------------------------------------------------------------------


def test_clusters_share_no_network() -> None:
    """Any two numbers give networks that do not overlap, and so do the parts of one."""
    networks = [
        network
        for number in range(address.MOST_CLUSTERS)
        for known in [Addresses(number, bridged=True)]
        for network in (known.subnet, known.pods, known.services)
    ]
    assert not [
        (one, other) for place, one in enumerate(networks) for other in networks[place + 1 :] if one.overlaps(other)
    ]


def test_names_fit_the_kernel() -> None:
    """A link's name has at most 15 bytes."""
    assert len(Addresses(address.MOST_CLUSTERS - 1, bridged=True).link) <= 15


def test_networks_in_use_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number is skipped when its record exists or a route crosses it, unless one so wide that ours win."""
    monkeypatch.setattr(address, "listened", lambda _: False)
    crossed = Addresses(0, bridged=True).pods
    assert address.free_number([], []) == 0
    assert address.free_number([], [IPv4Network("10.0.0.0/8")]) == 0
    assert address.free_number([], [next(crossed.subnets(new_prefix=24))]) == 1
    assert address.free_number([0], []) == 1
    assert address.free_number(range(address.MOST_CLUSTERS), []) is None


def test_networks_where_somebody_listens_are_left_alone() -> None:
    """Another user's cluster is in no record of ours; from the upper end, as clusters start from the lower one."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        number = next(each for each in reversed(range(address.MOST_CLUSTERS)) if _listens(listener, each))
        assert address.free_number(set(range(address.MOST_CLUSTERS)) - {number}, []) is None


def _listens(listener: socket.socket, number: int) -> bool:
    """Listen where the cluster of this number would, if nobody does."""
    try:
        listener.bind((str(Addresses(number, bridged=False).loopback), address.ETCD_PORT))
        listener.listen()
    except OSError:
        return False
    return True


def test_routes_are_read_from_the_kernel() -> None:
    """Little-endian hexadecimal; the default route crosses nobody."""
    table = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    assert address.host_routes(table) == [IPv4Network("169.254.0.0/16")]
    assert IPv4Network("0.0.0.0/0") not in address.host_routes()


# --- certificates and kubeconfigs ------------------------------------------------------------------------------------


def test_a_client_certificate_names_user_and_groups() -> None:
    """Kubernetes reads the user from the common name and groups from the organisations."""
    certificate = x509.load_pem_x509_certificate(
        Authority("ca").client("system:node:n1", ["system:nodes", "other"]).certificate
    )
    subject = certificate.subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["system:node:n1"]
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "system:nodes",
        "other",
    ]


def _handshake(certificate: Path, key: Path, trusted: Path, name: str) -> None:
    """A whole TLS handshake in memory, the client as strict as OpenSSL can be."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.create_default_context(cafile=str(trusted))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()


def test_a_strict_client_accepts_the_chain(tmp_path: Path) -> None:
    """For the names that were signed, and no others; and nothing that another authority of that name signed."""
    authority = Authority("ca")
    pair = authority.server("api", ["api.example", "192.0.2.7"]).write(tmp_path, "api")
    trusted, _ = authority.key_pair.write(tmp_path, "ca")
    strange, _ = Authority("ca").key_pair.write(tmp_path, "strange")
    _handshake(*pair, trusted, "api.example")
    _handshake(*pair, trusted, "192.0.2.7")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        _handshake(*pair, trusted, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(*pair, strange, "api.example")


def test_private_keys_are_private(tmp_path: Path) -> None:
    """Only the owner can read a key, also when a readable file was there before."""
    (tmp_path / "pair.key").write_text("old")
    (tmp_path / "pair.key").chmod(0o644)
    _, key = service_account_keys().write(tmp_path, "pair")
    assert key.stat().st_mode & 0o077 == 0


def test_a_kubeconfig_has_everything_inside(tmp_path: Path) -> None:
    """It names no other file, so it can be copied; and only its owner reads it."""
    authority = Authority("ca")
    path = tmp_path / "made" / "kubeconfig"
    kubeconfig.write(
        path,
        cluster="dev",
        server="https://192.0.2.1:6443",
        authority=authority.key_pair.certificate,
        client=authority.client("admin"),
    )
    content = yaml.safe_load(path.read_text())
    assert content["clusters"][0]["cluster"]["server"] == "https://192.0.2.1:6443"
    assert set(content["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert path.stat().st_mode & 0o077 == 0


# --- processes -------------------------------------------------------------------------------------------------------


def _start(tmp_path: Path, script: str) -> process.Process:
    return process.start(
        [sys.executable, "-c", script], mark=str(tmp_path), log=tmp_path / "log", pid_file=tmp_path / "pid"
    )


def test_a_process_is_found_by_file_and_by_mark(tmp_path: Path) -> None:
    """Also by somebody who knows nothing but the mark, and together with what it started."""
    started = _start(
        tmp_path, "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    try:
        assert process.read(tmp_path / "pid") == started
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := process.marked(str(tmp_path))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert started in found
        assert process.marked(str(tmp_path) + "-other") == []
    finally:
        assert process.stop(process.marked(str(tmp_path)), grace_seconds=0) == []
    assert not started.alive


def test_output_is_logged_and_secrets_of_ours_are_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program sees the variables that it was given, and no others of whoever started it."""
    monkeypatch.setenv("SOMEBODYS_PASSWORD", "secret")
    started = _start(tmp_path, "import os, sys; print(sorted(os.environ)); print('oops', file=sys.stderr)")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while started.alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    log = (tmp_path / "log").read_text()
    assert "oops" in log
    assert process.MARK in log
    assert "SOMEBODYS_PASSWORD" not in log


def test_the_deaf_are_killed(tmp_path: Path) -> None:
    """A process that ignores SIGTERM ends after its grace."""
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    started = _start(tmp_path, script)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "deaf" not in (tmp_path / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.stop([started], grace_seconds=0.1) == []
    assert not started.alive


def test_a_reused_number_is_not_taken_for_the_process() -> None:
    """Number and start time together are the identity: nobody else is ever signalled."""
    mine = process.Process(os.getpid(), 1)
    assert not mine.alive
    mine.signal(signal.SIGKILL)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "null"])
def test_half_a_pid_file_is_none(tmp_path: Path, content: str) -> None:
    """A crash while writing leaves no trap."""
    (tmp_path / "pid").write_text(content)
    assert process.read(tmp_path / "pid") is None


def test_what_cannot_be_executed_is_said(tmp_path: Path) -> None:
    """The message names the program."""
    with pytest.raises(DevClusterError, match="can't execute /nonexistent/etcd: No such file or directory"):
        process.start(["/nonexistent/etcd"], mark="m", log=tmp_path / "log", pid_file=tmp_path / "pid")


# --- folders, records, limits ----------------------------------------------------------------------------------------


def test_folders_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of Moorage first, then those of XDG."""
    assert (state_root(), cache_dir()) == (tmp_path / "state", tmp_path / "cache")
    monkeypatch.delenv("MOORAGE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "moorage"


def test_records_give_each_cluster_its_own_number() -> None:
    """A record is there before anything else is, and is read back as it was asked."""
    one = record.create(ClusterSpec("one", object_stores=("eu-1",)))
    two = record.create(ClusterSpec("two", {"eu-1": 0}, fake_nodes=3))
    assert one.number != two.number
    assert (one.bridged, two.bridged) == (True, False)
    assert record.names() == ["one", "two"]
    assert record.read("one") == one
    assert one.spec == ClusterSpec("one", object_stores=("eu-1",))
    assert record.read("three") is None


def test_a_broken_record_is_none() -> None:
    """Half a record does not keep anybody from removing the rest."""
    path = Layout.of("broken").record
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "broken"}')
    assert record.read("broken") is None


def test_limits_are_put_back(tmp_path: Path) -> None:
    """Raised once, also by several clusters, and put back unless somebody else changed them since."""
    instances, watches = (tmp_path / name for name in limits.WANTED)
    instances.parent.mkdir(parents=True)
    instances.write_text("128\n")
    watches.write_text("1000\n")
    limits.raise_limits(tmp_path)
    limits.raise_limits(tmp_path)
    assert [int(each.read_text()) for each in (instances, watches)] == list(limits.WANTED.values())
    watches.write_text("999999\n")
    limits.restore_limits(tmp_path)
    assert [int(each.read_text()) for each in (instances, watches)] == [128, 999999]
    limits.restore_limits(tmp_path)


def test_a_port_that_another_server_holds_is_told() -> None:
    """A server at all addresses holds the one of the cluster's DNS, too; no other reason is guessed."""
    taken = "Error during start: listen tcp 10.127.0.1:53: bind: address already in use"
    assert "bind-interfaces" in dns.remedy(taken)
    assert dns.remedy("Corefile:3: unknown directive") == ""
