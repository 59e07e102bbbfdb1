"""What a machine lacks, and what is said about it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from devcluster import preflight
from devcluster.preflight import Machine
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError

_GOOD = Machine(
    system="Linux",
    root=True,
    namespaces="",
    overlay="",
    controllers=frozenset({"cpu", "cpuset", "memory", "pids", "io"}),
    fuse=True,
    memory_bytes=8 << 30,
)
_REAL, _FAKE = ClusterSpec(), ClusterSpec(sites={"eu-1": 0}, fake_nodes=5)


@pytest.mark.parametrize(
    ("machine", "named"),
    [
        (replace(_GOOD, system="Darwin"), "this is Darwin: use Linux"),
        (replace(_GOOD, root=False), "not root"),
        (replace(_GOOD, namespaces="unshare failed: Operation not permitted"), "no namespaces can be made (unshare"),
        (replace(_GOOD, overlay="wrong fs type"), "set MOORAGE_STATE to a folder on ext4 or xfs"),
        (replace(_GOOD, controllers=frozenset({"cpu", "memory"})), "controllers cpuset, pids"),
        (replace(_GOOD, fuse=False), "/dev/fuse"),
        (replace(_GOOD, memory_bytes=1 << 30), "MiB of memory are needed, 1024 MiB are free"),
    ],
)
def test_each_lack_is_named_with_its_remedy(machine: Machine, named: str) -> None:
    """One sentence per problem."""
    found = preflight.problems(machine, _REAL)
    assert len(found) == 1
    assert named in found[0]


def test_a_good_machine_lacks_nothing() -> None:
    """Neither for real nor for fake nodes."""
    assert preflight.problems(_GOOD, _REAL) == []
    assert preflight.problems(_GOOD, _FAKE) == []


def test_fake_nodes_need_neither_root_nor_kernel() -> None:
    """Whatever real nodes lack, a control plane with fake ones runs."""
    poor = replace(_GOOD, root=False, namespaces="no", overlay="no", controllers=frozenset(), fuse=False)
    assert preflight.problems(poor, _FAKE) == []


def test_without_root_it_is_said_what_works(tmp_path: Path) -> None:
    """The refusal ends with what can be done here all the same; asked as a user without rights."""
    script = (
        "import os; from devcluster import preflight; from devcluster.spec import ClusterSpec\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "preflight.require(ClusterSpec())"
    )
    environment = {**os.environ, "MOORAGE_STATE": str(tmp_path)}
    refused = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True, env=environment
    )
    assert refused.returncode == 1
    assert "not root, and real nodes need namespaces" in refused.stderr
    assert preflight.WORKS_ANYWHERE in refused.stderr


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_looking_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried for real is gone afterwards."""
    monkeypatch.setenv("MOORAGE_STATE", str(tmp_path / "state"))
    mounts = Path("/proc/self/mountinfo").read_text()
    links = sorted(Path("/sys/class/net").iterdir())
    machine = preflight.gather()
    assert preflight.problems(machine, _REAL) == []
    assert list((tmp_path / "state").iterdir()) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert sorted(Path("/sys/class/net").iterdir()) == links


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to get as far as the kernel")
def test_a_kernel_that_refuses_is_quoted() -> None:
    """The feature's name and the kernel's words; `false` stands for a program that the kernel refuses."""
    with pytest.raises(DevClusterError, match="bridges") as refused:
        preflight.require_network(Path("/bin/false"), Path("/bin/true"))
    assert "address translation" not in str(refused.value)
    assert preflight.WORKS_ANYWHERE in str(refused.value)
