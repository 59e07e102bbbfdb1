"""Control groups of both versions: on folders that look like them, and on this machine's own."""

import os
import subprocess
from pathlib import Path

import pytest

from devcluster import cgroups
from devcluster.cgroups import Hierarchy

_V1 = """\
30 24 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
_V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("mountinfo", "expected"),
    [
        (_V1, [Hierarchy(Path("/sys/fs/cgroup/cpu,cpuacct"), 1), Hierarchy(Path("/sys/fs/cgroup/systemd"), 1)]),
        (_V2, [Hierarchy(Path("/sys/fs/cgroup"), 2)]),
        ("30 24 0:26 / / rw - ext4 /dev/vda rw\n", []),
    ],
)
def test_hierarchies_are_those_with_controllers(mountinfo: str, expected: list[Hierarchy]) -> None:
    """Beside version 1, the unified hierarchy has no controllers and does not count."""
    assert cgroups.hierarchies(mountinfo) == expected
    assert len(cgroups.mounted(mountinfo)) == mountinfo.count(" - cgroup")


def test_a_cpuset_of_version_1_gets_processors(tmp_path: Path) -> None:
    """A new cpuset is empty and takes no process, so it is given what the top has."""
    (tmp_path / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset.mems").write_text("0\n")
    group = tmp_path / "moorage-dev.a.b"
    group.mkdir()
    for name in ("cpuset.cpus", "cpuset.mems"):
        (group / name).write_text("\n")
    cgroups.create("moorage-dev.a.b", [Hierarchy(tmp_path, 1)])
    assert (group / "cpuset.cpus").read_text() == "0-1\n"
    assert (group / "cpuset.mems").read_text() == "0\n"


def test_a_group_of_version_2_hands_controllers_on(tmp_path: Path) -> None:
    """Those that the kernel has, and only those, are given to the group and to what will be below it."""
    group = tmp_path / "moorage-dev.a.b"
    group.mkdir()
    for folder in (tmp_path, group):
        (folder / "cgroup.controllers").write_text("memory pids\n")
        (folder / "cgroup.subtree_control").write_text("")
    cgroups.create("moorage-dev.a.b", [Hierarchy(tmp_path, 2)])
    # A plain file keeps the last word written.
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"
    assert (group / "cgroup.subtree_control").read_text() == "+pids"


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_group_goes_with_all_that_is_in_it() -> None:
    """Processes in the group and below it are killed, and every folder of it is removed."""
    among = cgroups.hierarchies()
    name = "moorage-dev.test-cgroups.node"
    cgroups.create(name, among)
    with subprocess.Popen(["sleep", "60"]) as outer, subprocess.Popen(["sleep", "60"]) as inner:
        for hierarchy in among:
            below = hierarchy.path / name / "pods"
            below.mkdir()
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (below / file).exists() and hierarchy.version == 1:
                    (below / file).write_text((hierarchy.path / file).read_text())
            (below / "cgroup.procs").write_text(str(inner.pid))
            if hierarchy.version == 1:
                (hierarchy.path / name / "cgroup.procs").write_text(str(outer.pid))
        if all(hierarchy.version == 2 for hierarchy in among):
            outer.kill()
        assert inner.pid in cgroups.processes(name, among)
        # A child of ours stays a zombie, in its group, until we ask for it.
        inner.kill()
        outer.kill()
        inner.wait()
        outer.wait()
        assert cgroups.remove(name, among) == []
    assert not [hierarchy for hierarchy in among if (hierarchy.path / name).exists()]


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_processes_make_room() -> None:
    """In a container the topmost group's processes must move down before it can hand controllers on."""
    second = [hierarchy.path for hierarchy in cgroups.mounted() if hierarchy.version == 2]
    if not second:
        pytest.skip("no control groups of version 2 are mounted")
    group = second[0] / "moorage-dev.test-cgroups.room"
    group.mkdir()
    try:
        with subprocess.Popen(["sleep", "60"]) as process:
            (group / "cgroup.procs").write_text(str(process.pid))
            cgroups.make_room(group)
            assert (group / "cgroup.procs").read_text() == ""
            assert (group / "processes/cgroup.procs").read_text() == f"{process.pid}\n"
            process.kill()
    finally:
        assert cgroups.remove(group.name, cgroups.mounted()) == []
