"""One real node: kubelet, containerd, runc, CNI and kube-proxy in namespaces of their own."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from devcluster import dns, kubeconfig, node_init, process
from devcluster.address import Addresses
from devcluster.certificates import Authority
from devcluster.images.recipes import image_reference
from devcluster.layout import Layout, NodeLayout, cache_dir, state_root
from devcluster.spec import NodeSpec
from moorage.errors import DevClusterError

SITE_LABEL = "node-restriction.kubernetes.io/moorage-site"
PROGRAMS = ("containerd", "kubelet", "kube-proxy")
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_INIT_SECONDS = 20.0
_POLL_SECONDS = 0.02

# The values that the kubelet's protectKernelDefaults expects; only shown to it, never set.
_KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


def cgroup_name(cluster: str, node: str) -> str:
    """Return the name of a node's control group; dots, which no name has, keep two clusters apart."""
    return f"moorage-dev.{cluster}.{node}"


def site_labels(name: str, site: str) -> dict[str, str]:
    """Return the labels that say where a node is."""
    return {
        SITE_LABEL: site,
        "topology.kubernetes.io/region": site,
        "topology.kubernetes.io/zone": f"{site}-a",
        "kubernetes.io/hostname": name,
    }


def manifest(node: NodeSpec, addresses: Addresses) -> dict[str, Any]:
    """Return the Node object that the administrator makes before the kubelet runs.

    NodeRestriction keeps a kubelet from setting its own site, so the label must not be its to give.
    """
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": site_labels(node.name, node.site),
        },
        "spec": {
            "podCIDR": str(addresses.node_pods(node.number)),
            "podCIDRs": [str(addresses.node_pods(node.number))],
        },
    }


def write_files(node: NodeSpec, layout: Layout, addresses: Addresses, authority: Authority) -> None:
    """Write the configuration, credentials and first programs of a node."""
    files = layout.node(node.name)
    for folder in (files.var, files.etc, files.wanted, files.logs):
        folder.mkdir(parents=True, exist_ok=True)
    address = str(addresses.node(node.number))
    authority.server(f"system:node:{node.name}", [node.name, address]).write(files.etc, "kubelet-server")
    (files.etc / "ca.crt").write_bytes(authority.key_pair.certificate)
    users = {"kubelet": (f"system:node:{node.name}", ["system:nodes"]), "kube-proxy": ("system:kube-proxy", [])}
    for name, (user, groups) in users.items():
        kubeconfig.write(
            files.etc / f"{name}.kubeconfig",
            cluster=layout.root.name,
            server=addresses.api_server,
            authority=authority.key_pair.certificate,
            client=authority.client(user, groups),
        )
    (files.etc / "resolv.conf").write_text(_resolver())
    (files.etc / "containerd.toml").write_text(_containerd_toml(layout.bin, files))
    (files.etc / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(node, layout, files, addresses)))
    (files.etc / "kube-proxy.yaml").write_text(yaml.safe_dump(_kube_proxy(node, files, addresses)))
    cni = files.etc / "cni"
    cni.mkdir(exist_ok=True)
    (cni / "10-moorage.conflist").write_text(json.dumps(_cni(node, addresses)))
    init = {
        "hostname": node.name,
        "var": str(files.var),
        "wanted": str(files.wanted),
        "pid_file": str(files.init_pid),
        "kernel_settings": _KERNEL_SETTINGS,
        "keep": _under_var(layout.bin),
    }
    files.init_spec.write_text(json.dumps(init))


def start(node: NodeSpec, layout: Layout, addresses: Addresses) -> process.Process:
    """Start a node's first process in its namespaces, and containerd in it; returns that process.

    Raises:
        DevClusterError: the kernel refuses, or it does not come up in time.
    """
    files = layout.node(node.name)
    want("containerd", node, layout, addresses)
    namespaces = ["--mount", "--pid", "--net", "--uts", "--fork", "--kill-child=KILL", "--propagation", "unchanged"]
    launcher = process.start(
        ["/usr/bin/unshare", *namespaces, sys.executable, "-I", "-S", str(node_init.__file__), str(files.init_spec)],
        mark=str(layout.root),
        log=files.logs / "init.log",
        pid_file=files.root / "launcher.pid",
    )
    deadline = time.monotonic() + _INIT_SECONDS
    while (init := process.read(files.init_pid)) is None:
        if not launcher.alive or time.monotonic() > deadline:
            message = f"node {node.name} did not start:\n{(files.logs / 'init.log').read_text()[-2000:]}"
            raise DevClusterError(message)
        time.sleep(_POLL_SECONDS)
    return init


def want(program: str, node: NodeSpec, layout: Layout, addresses: Addresses) -> None:
    """Have one of PROGRAMS run; takes effect when the node's first process starts, or gets SIGHUP."""
    files = layout.node(node.name)
    etc = files.etc
    argv = {
        "containerd": ["--config", str(etc / "containerd.toml")],
        "kubelet": [
            f"--config={etc / 'kubelet.yaml'}",
            f"--kubeconfig={etc / 'kubelet.kubeconfig'}",
            f"--hostname-override={node.name}",
            f"--node-ip={addresses.node(node.number)}",
        ],
        "kube-proxy": [f"--config={etc / 'kube-proxy.yaml'}"],
    }[program]
    environment = {
        "PATH": f"{layout.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        process.MARK: str(layout.root),
    }
    wanted = {
        "argv": [str(layout.bin / program), *argv],
        "env": environment,
        "log": str(files.logs / f"{program}.log"),
    }
    half = files.wanted / f"{program}.half"
    half.write_text(json.dumps(wanted))
    half.rename(files.wanted / f"{program}.json")


def containerd_address(init: process.Process) -> str:
    """Return the node's containerd socket, as the host reaches it."""
    return f"/proc/{init.pid}/root{CONTAINERD_SOCKET}"


def _resolver() -> str:
    """Return the host's name servers; one on the host's loopback can't be asked from another network namespace."""
    for candidate in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if candidate.exists():
            return "".join(line + "\n" for line in candidate.read_text().splitlines() if "127.0.0." not in line)
    return ""


def _under_var(bin_dir: Path) -> list[str]:
    """Folders of the host's /var that the node's programs need: those that the links in `bin_dir` lead to, too."""
    programs = {link.resolve().parent for link in bin_dir.iterdir()}
    needed = {state_root(), cache_dir(), Path(sys.prefix), Path(sys.base_prefix), *programs}
    return sorted(str(path) for path in needed if path.is_relative_to("/var") and path.exists())


def _containerd_toml(bin_dir: Path, files: NodeLayout) -> str:
    return f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing"]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{image_reference("pause")}"

[plugins."io.containerd.cri.v1.runtime"]
  # Only a process with leave of the first user namespace may lower the score.
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{bin_dir / "cni"}"]
    conf_dir = "{files.etc / "cni"}"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "{bin_dir / "runc"}"
        SystemdCgroup = false
"""


def _kubelet(node: NodeSpec, layout: Layout, files: NodeLayout, addresses: Addresses) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(files.etc / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(files.etc / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(files.etc / "kubelet-server.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [str(addresses.host)],
        "clusterDomain": dns.DOMAIN,
        "resolvConf": str(files.etc / "resolv.conf"),
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup_name(layout.root.name, node.name)}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "protectKernelDefaults": True,
        "makeIPTablesUtilChains": False,
        "serializeImagePulls": False,
        # The machine's disk is the user's: its filling up is no reason to evict pods, nor to delete their images.
        "evictionHard": dict.fromkeys(
            ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"),
            "0%",
        ),
        "imageGCHighThresholdPercent": 100,
        # So that a killed cluster's nodes are noticed soon, and a pod's end is told soon.
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
    }


def _kube_proxy(node: NodeSpec, files: NodeLayout, addresses: Addresses) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(files.etc / "kube-proxy.kubeconfig")},
        "clusterCIDR": str(addresses.pods),
        "hostnameOverride": node.name,
        # These are the host's, and can't be set from a network namespace of our own.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _cni(node: NodeSpec, addresses: Addresses) -> dict[str, Any]:
    """Return the CNI configuration: each pod has a routed cable to its node, so replies are always translated."""
    ranges = [[{"subnet": str(addresses.node_pods(node.number))}]]
    ipam = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "1.0.0",
        "name": "moorage",
        "plugins": [{"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}],
    }
