"""What crosses the edges: mountinfo, the broker's answers, the socket's lines, CSI's messages, rclone's settings."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.caching import CacheMode, CachePolicy
from moorage.errors import InputError
from moorage.grants.grant import Grant
from moorage.sources import Credentials
from moorage.sources.host_path import HostPathSource
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source
from node_plugin import csi, mountinfo
from node_plugin.app import propagation_problem
from node_plugin.csi_schema import CSI
from node_plugin.pod_paths import parse_target
from node_plugin.sidecar import exchange, progress, rclone
from node_plugin.sidecar.remotes import s3
from tests.node_plugin.played_node import BIN, ROOT

SOURCE = S3Source("https://s3.example", "b", "p/q")
KEYS = Credentials("id", "secret", None)
GRANT = Grant(location=SOURCE, local=True, credentials=KEYS)

MOUNTINFO = rb"""
36 25 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 36 0:5 / /with\040space\134n rw - tmpfs tmp\040fs rw
50 36 0:60 / /t ro,nosuid shared:7 master:3 propagate_from:2 - fuse.moorage moorage ro,user_id=0
52 51 0:62 / /t ro - fuse.moorage moorage ro
51 50 0:61 / /t ro - fuse.moorage moorage ro
53 36 0:63 / /t/deeper ro - tmpfs tmpfs ro
nonsense
"""


def test_mountinfo_is_read_with_its_escapes() -> None:
    """Blanks and backslashes in paths, optional fields or none."""
    mounts = mountinfo.parse(MOUNTINFO)
    assert [mount.mount_point for mount in mounts] == ["/", "/with space\\n", "/t", "/t", "/t", "/t/deeper"]
    assert [mount.device for mount in mounts[:3]] == ["254:0", "0:5", "0:60"]
    assert (mounts[1].source, mounts[1].shared) == ("tmp fs", False)
    assert (mounts[2].fs_type, mounts[2].shared, mounts[2].options) == (
        "fuse.moorage", True, frozenset({"ro", "nosuid"}),
    )  # fmt: skip


def test_a_stack_is_given_from_its_foot() -> None:
    """Whatever the order of the lines; what lies deeper or elsewhere is not of it."""
    assert [mount.mount_id for mount in mountinfo.stack_at(mountinfo.parse(MOUNTINFO), "/t")] == [50, 51, 52]
    assert mountinfo.stack_at(mountinfo.parse(MOUNTINFO), "/u") == []


def test_a_mount_that_reaches_no_pod_makes_the_driver_unready() -> None:
    """The nearest mount above the kubelet's directory must be shared."""
    mounts = mountinfo.parse(MOUNTINFO)
    assert propagation_problem(mounts, Path("/var/lib/kubelet")) is None
    private = [*mounts, replace(mounts[0], mount_point="/var/lib/kubelet", shared=False)]
    assert "Bidirectional" in (propagation_problem(private, Path("/var/lib/kubelet")) or "")


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
GRANTS = st.builds(
    Grant,
    location=st.one_of(
        st.builds(
            S3Source,
            st.sampled_from(["https://s3.example", "http://s3:1"]),
            st.just("b"),
            TEXT.map(lambda text: text.strip("/")),
            region=st.none() | TEXT,
            ca_bundle=st.sampled_from([None, "-----BEGIN\nX\n"]),
        ),
        st.builds(NfsSource, TEXT, st.just("/export")),
        st.builds(HostPathSource, st.just("/srv")),
    ),
    local=st.booleans(),
    credentials=st.none() | st.builds(Credentials, TEXT, TEXT, st.none() | TEXT),
    cache=st.builds(CachePolicy, st.sampled_from(CacheMode), st.none() | st.integers(0, 1 << 60)),
)


@given(GRANTS)
def test_a_grant_survives_the_socket(grant: Grant) -> None:
    """What the driver writes is what the sidecar reads."""
    answer = exchange.AttachAnswer("attached", grant)
    assert exchange.read_answer(exchange.write_answer(answer)) == answer


@given(GRANTS)
def test_a_grant_shows_no_key(grant: Grant) -> None:
    """Neither in logs nor in tracebacks."""
    keys = replace(KEYS, secret_access_key="5ecre7", session_token="70ken")
    shown = repr(replace(grant, credentials=keys))
    assert "5ecre7" not in shown
    assert "70ken" not in shown


def test_csi_messages_have_the_published_numbers() -> None:
    """Bytes that another implementation of the protocol would send; what we do not know is skipped."""
    pair = b"\x0a\x07dataset\x12\x06claims"
    wire = b"\x0a\x02v1" + b"\x22\x02/t" + b"\x30\x01" + b"\x42" + bytes([len(pair)]) + pair + b"\x1a\x01s"
    request = csi.read_publish(wire)
    assert (request.volume_id, request.target_path, request.is_block) == ("v1", "/t", False)
    assert request.context == {"dataset": "claims"}
    block = CSI["VolumeCapability"](block=CSI["BlockVolume"]())
    assert csi.read_publish(CSI["NodePublishVolumeRequest"](volume_capability=block).SerializeToString()).is_block
    assert csi.read_unpublish(b"\x0a\x01v\x12\x02/t") == csi.UnpublishRequest("v", "/t")
    assert csi.write_probe(ready=True) == b"\x0a\x02\x08\x01"
    assert csi.write_node_id("n1") == b"\x0a\x02n1"
    assert csi.write_registration("d", "/s") == b"\x0a\x09CSIPlugin\x12\x01d\x1a\x02/s\x22\x051.0.0"
    assert csi.read_registration_status(b"\x08\x01\x12\x03bad") == csi.RegistrationStatus(True, "bad")  # noqa: FBT003


@pytest.mark.parametrize(
    "path",
    [
        "/k/pods/u/volumes/kubernetes.io~csi/v/mount/",
        "/k/pods/u/volumes/kubernetes.io~csi//mount",
        "/k/pods/../u/volumes/kubernetes.io~csi/v/mount",
        "/k/pods/u/volumes/kubernetes.io~nfs/v/mount",
        "/k/pods/u/volumes/kubernetes.io~csi/v/../mount",
        "/other/pods/u/volumes/kubernetes.io~csi/v/mount",
        "/k/plugins/kubernetes.io/csi/d/x/globalmount",
    ],
)
def test_only_a_pods_csi_volume_is_a_target(path: str) -> None:
    """Whatever is mounted, unmounted or removed has exactly this form."""
    with pytest.raises(InputError):
        parse_target(Path("/k"), path)
    assert parse_target(Path("/k"), "/k/pods/u-1/volumes/kubernetes.io~csi/v.2/mount").volume == "v.2"


@pytest.mark.parametrize(
    "secret",
    [
        "wJalr/K7+x=", "#hash", "; semicolon", "with space", "'quoted'", '"quoted"', "`tick`", "a=b", "%(x", "%s",
        "$HOME", "[x]", '"', "'", "`", "ends\\", "käse", '"""',
    ],
)  # fmt: skip
def test_rclone_reads_the_keys_as_they_are(secret: str) -> None:
    """Whatever characters a key has, rclone understands the configuration that we write."""
    config = rclone.write_config(s3.remote(SOURCE, Credentials("id", secret, secret)))
    dumped = subprocess.run(
        [BIN / "rclone", "--config", "/dev/stdin", "config", "dump"],
        input=config.encode(),
        capture_output=True,
        check=True,
    )
    remote = json.loads(dumped.stdout)["source"]
    assert (remote["secret_access_key"], remote["session_token"]) == (secret, secret)
    assert (remote["endpoint"], remote["provider"]) == ("https://s3.example", "Other")


def test_a_key_that_rclone_would_expand_is_refused() -> None:
    """Better a sentence than requests signed with another key; the key itself is not in it."""
    with pytest.raises(InputError, match="secret_access_key") as caught:
        rclone.write_config(s3.remote(SOURCE, Credentials("id", "abc%(endpoint)sdef", None)))
    assert "abc" not in str(caught.value)


def test_rclone_commands_hold_no_secret_and_no_surprise() -> None:
    """The path may hold anything: it is one argument, behind the remote's name."""
    source = replace(SOURCE, prefix="--config=x y;z", ca_bundle="PEM")
    place = rclone.CachePlace(directory=Path("/cache/v"), limit_bytes=1000)
    descriptors = rclone.Descriptors(fuse=7, config=8, ca_bundle=9)
    command = rclone.command(
        "rclone", s3.remote(source, KEYS), rclone.CacheRule(CachePolicy(), local=True), place, descriptors
    )
    assert command[:4] == ["rclone", "mount2", "source:b/--config=x y;z", "/dev/fd/7"]
    assert "/proc/self/fd/8" in command
    assert command[command.index("--ca-cert") + 1] == "/proc/self/fd/9"


@pytest.mark.parametrize(
    ("mode", "local", "cached"),
    [
        ("none", True, False),
        ("none", False, False),
        ("auto", True, False),
        ("auto", False, True),
        ("always", True, True),
    ],
)
def test_only_far_data_is_cached_unless_somebody_says_so(mode: str, local: bool, cached: bool) -> None:  # noqa: FBT001
    """Near its source a cache is slower than the source."""
    rule = rclone.CacheRule(CachePolicy(CacheMode(mode), 500), local)
    place = rclone.CachePlace(directory=Path("/cache/v"), limit_bytes=1000)
    descriptors = rclone.Descriptors(fuse=7, config=8, ca_bundle=None)
    command = rclone.command("rclone", s3.remote(SOURCE, KEYS), rule, place, descriptors)
    assert ("--vfs-cache-mode=full" in command) is cached
    assert ("--vfs-cache-max-size=500B" in command) is cached
    parted = rclone.command("rclone", s3.remote(SOURCE, KEYS), replace(rule, parted=True), place, descriptors)
    assert ("--vfs-cache-mode=full" in parted) is cached


def test_readiness_names_what_is_missing() -> None:
    """One line for each volume that is not served, in the pod's order."""
    stages = {"a": progress.Stage(served=True, message="served"), "b": progress.Stage(served=False, message="starting")}
    assert progress.report(("a",), stages) == progress.Outlook(served=True, refused=False, message="")
    told = "b: starting\nc: the sidecar does not know of it"
    assert progress.report(("a", "b", "c"), stages) == progress.Outlook(served=False, refused=False, message=told)


def test_one_refusal_is_enough_to_stop_waiting() -> None:
    """Waiting changes nothing; what counts is only what is asked about."""
    no = progress.Stage(served=False, message="not for you", refused=True)
    stages = {"a": no, "b": progress.Stage(served=True, message="served")}
    assert progress.report(("a", "b"), stages) == progress.Outlook(served=False, refused=True, message="a: not for you")
    assert not progress.report(("b",), stages).refused


def test_the_sidecar_needs_nothing_but_the_standard_library() -> None:
    """Its image holds Python, rclone and our code; grpc, aiohttp or orjson must not be imported."""
    script = (
        "import sys; import node_plugin.sidecar.__main__\n"
        "own = {'node_plugin', 'moorage', '__main__'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - own))"
    )
    # -S: no site-packages at all; -E: no PYTHONPATH but the one given by the working directory.
    found = subprocess.run([sys.executable, "-S", "-E", "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout == b"[]\n"
