"""Says before anything is started what this machine lacks, and what works here all the same."""

import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devcluster import cgroups
from devcluster.layout import state_root
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError

_NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--fork")
_CONTROLLERS = frozenset({"cpu", "cpuset", "memory", "pids"})
# Kubelet, containerd and kube-proxy of a node, and a control plane: what they were seen to hold when idle.
_PLANE_BYTES, _NODE_BYTES = 700 << 20, 250 << 20

# The expressions that kube-proxy's rules are made of.
_NFT_TRIAL = (
    "add table ip trial; add chain ip trial nat { type nat hook prerouting priority -100; }; "
    "add rule ip trial nat fib daddr type local numgen random mod 2 vmap { 0 : drop, 1 : accept }; "
    "add rule ip trial nat tcp dport 80 dnat to 192.0.2.1:80"
)

WORKS_ANYWHERE = """\
What still works here:
  - a real control plane with fake nodes, without root:  moorage dev up --sites eu-1=0,us-1=0 --fake-nodes 6
  - a cluster that you have: point KUBECONFIG at it and install the chart in charts/moorage with helm"""


@dataclass(frozen=True)
class Machine:
    """The facts found out about this machine.

    Attributes:
        namespaces: what went wrong when some were made; empty when it worked.
        overlay: what went wrong when an overlay was mounted in the state folder; empty when it worked.
        controllers: of control groups, that can be used.
        fuse: whether /dev/fuse is there.
        memory_bytes: that could be had now.
    """

    system: str
    root: bool
    namespaces: str
    overlay: str
    controllers: frozenset[str]
    fuse: bool
    memory_bytes: int


def gather() -> Machine:
    """Look at this machine; what needs root is tried for real, and leaves nothing behind."""
    root = os.geteuid() == 0
    linux = platform.system() == "Linux"
    namespaces = _tried(["unshare", *_NAMESPACES, "true"]) if root and linux else ""
    return Machine(
        system=platform.system(),
        root=root,
        namespaces=namespaces,
        overlay=_overlay() if root and linux and not namespaces else "",
        controllers=_controllers() if linux else frozenset(),
        fuse=Path("/dev/fuse").exists(),
        memory_bytes=_available_memory() if linux else 0,
    )


def problems(machine: Machine, spec: ClusterSpec) -> list[str]:
    """List what keeps this machine from running the cluster, each with its remedy."""
    if machine.system != "Linux":
        return [f"this is {machine.system}: use Linux, in a virtual machine if need be"]
    found = []
    needed = _PLANE_BYTES + len(spec.nodes) * _NODE_BYTES
    if machine.memory_bytes < needed:
        found.append(f"{needed >> 20} MiB of memory are needed, {machine.memory_bytes >> 20} MiB are free")
    if not spec.nodes:
        return found
    if not machine.root:
        return [*found, "not root, and real nodes need namespaces, mounts and control groups: run it with sudo"]
    if machine.namespaces:
        found.append(
            f"no namespaces can be made ({machine.namespaces}): if this is a container, run it with --privileged"
        )
    if machine.overlay:
        found.append(
            f"no overlay can be mounted in {state_root()} ({machine.overlay}): "
            "`modprobe overlay`, or set MOORAGE_STATE to a folder on ext4 or xfs"
        )
    if not machine.fuse:
        found.append("no /dev/fuse, which pods that mount need: `modprobe fuse`, or --device /dev/fuse for a container")
    if missing := sorted(_CONTROLLERS - machine.controllers):
        found.append(
            f"no control group controllers {', '.join(missing)}: mount them under /sys/fs/cgroup; "
            "if this is a container, run it with --privileged --cgroupns=private"
        )
    return found


def require(spec: ClusterSpec) -> None:
    """Refuse a cluster that this machine can't run.

    Raises:
        DevClusterError: it lists what is missing, and what still works.
    """
    if found := problems(gather(), spec):
        lines = "\n".join(f"  - {problem}" for problem in found)
        message = f"This machine can't run cluster {spec.name}:\n{lines}\n{WORKS_ANYWHERE}"
        raise DevClusterError(message)


def require_network(ip: Path, nft: Path) -> None:
    """Refuse a kernel without bridges, cables or address translation: tried in network namespaces, gone at once.

    Raises:
        DevClusterError: it says what the kernel lacks.
    """
    trials = {
        "bridges (CONFIG_BRIDGE)": [str(ip), "link", "add", "name", "trial", "type", "bridge"],
        "virtual cables (CONFIG_VETH)": [str(ip), "link", "add", "name", "trial", "type", "veth"],
        "address translation by nftables (CONFIG_NFT_NAT, CONFIG_NFT_FIB, CONFIG_NFT_NUMGEN)": [
            str(nft),
            _NFT_TRIAL,
        ],
    }
    tried = {name: _tried(["unshare", "--net", *command]) for name, command in trials.items()}
    if failed := {name: error for name, error in tried.items() if error}:
        lines = "\n".join(f"  - {name}: {error}" for name, error in failed.items())
        message = f"This machine's kernel can't run real nodes; it lacks:\n{lines}\n{WORKS_ANYWHERE}"
        raise DevClusterError(message)


def _tried(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")


def _overlay() -> str:
    state_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state_root(), prefix=".overlay-") as folder:
        for name in ("lower", "upper", "work", "merged"):
            (Path(folder) / name).mkdir()
        layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        # In a mount namespace of its own: it ends with the mount command.
        return _tried(["unshare", "--mount", "mount", "-t", "overlay", "-o", layers, "trial", f"{folder}/merged"])


def _controllers() -> frozenset[str]:
    found: set[str] = set()
    for hierarchy in cgroups.hierarchies():
        if not os.access(hierarchy.path, os.W_OK):
            continue
        if hierarchy.version == 1:
            found.update(hierarchy.path.name.split(","))
        else:
            found.update((hierarchy.path / "cgroup.controllers").read_text().split())
    return frozenset(found)


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
