"""Removes a cluster in whatever state it is, also when all of it was killed or its record is gone.

What it looks at is the machine, not what a record says should be there: processes by the mark in their environment,
control groups and links by name, mounts by path.
"""

import shutil
import subprocess
from pathlib import Path

from devcluster import cgroups, limits, network, object_store, process, record
from devcluster.layout import Layout
from devcluster.node import cgroup_name
from moorage.errors import DevClusterError


def leftovers(name: str) -> list[str]:
    """List what is left of a cluster on this machine, in words."""
    layout = Layout.of(name)
    return [
        *(f"process {found.pid}" for found in process.marked(str(layout.root))),
        *(f"mount {path}" for path in _mounts_under(layout.root)),
        *(f"control group {path}" for path in _cgroup_paths(name)),
        *(f"link {link}" for link in network.links(str(layout.root))),
        *([f"folder {layout.root}"] if layout.root.exists() else []),
    ]


def remove(name: str) -> None:
    """End everything of a cluster and delete its files; does nothing when there is nothing.

    Raises:
        DevClusterError: something can't be removed; it says what.
    """
    layout = Layout.of(name)
    _end_processes(layout)
    hierarchies = cgroups.mounted()
    for group in _cgroups(name, hierarchies):
        cgroups.remove(group, hierarchies)
    linked = layout.bin / "ip"
    network.remove(linked if linked.exists() else Path("ip"), str(layout.root))
    if known := record.read(name):
        for number in range(len(known.object_stores)):
            object_store.remove_sockets(known.addresses, number)
    for mount in _mounts_under(layout.root):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    still = [left for left in leftovers(name) if not left.startswith("folder ")]
    if still:
        message = f"cluster {name} is not fully gone: {', '.join(still)}. Run `moorage dev down` again"
        raise DevClusterError(message)
    # The record goes last, with its folder: until then a second try finds all it needs.
    _delete_files(layout)
    if not record.names():
        limits.restore_limits()


def _end_processes(layout: Layout) -> None:
    """Kill until none is left; a killed supervisor may have started another meanwhile."""
    for _ in range(3):
        found = process.marked(str(layout.root))
        # A node's first process takes everything in its namespaces along, containers included.
        inits = [init for node in layout.nodes if (init := process.read(node.init_pid)) is not None]
        if not found and not any(init.alive for init in inits):
            return
        process.stop([*inits, *found], grace_seconds=0)


def _cgroups(name: str, hierarchies: list[cgroups.Hierarchy]) -> set[str]:
    prefix = cgroup_name(name, "")
    return {path.name for hierarchy in hierarchies for path in hierarchy.path.glob(f"{prefix}*") if path.is_dir()}


def _cgroup_paths(name: str) -> list[Path]:
    prefix = cgroup_name(name, "")
    return [path for hierarchy in cgroups.mounted() for path in hierarchy.path.glob(f"{prefix}*") if path.is_dir()]


def _mounts_under(folder: Path) -> list[str]:
    """Mount points in a folder, the last made first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    # The kernel writes a space in a path as \040.
    points = [line.split(" ")[4].replace("\\040", " ") for line in lines]
    return [point for point in reversed(points) if Path(point).is_relative_to(folder)]


def _delete_files(layout: Layout) -> None:
    if not layout.root.exists():
        return
    for entry in list(layout.root.iterdir()):
        if entry != layout.record:
            _delete(entry)
    _delete(layout.root)


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        message = f"can't delete {error.filename}: {error.strerror}"
        raise DevClusterError(message) from error
