"""The cluster's network: one bridge, a veth pair to the host and to each node, static routes to every node's pods.

The switch is a bridge in a network namespace of its own: the host's firewall (Docker's drops whatever is forwarded)
never sees what nodes say to each other. No namespace has a name: each lives exactly as long as its processes. The one
link on the host carries the cluster's folder as alias, so that it is found again without a record.
"""

import contextlib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import process
from devcluster.address import Addresses
from devcluster.layout import Layout
from moorage.errors import DevClusterError

SWITCH = "switch"
_SECONDS, _POLL_SECONDS = 10.0, 0.01


@dataclass(frozen=True)
class Wiring:
    """The links of one cluster.

    Attributes:
        ip: the `ip` program.
        switch: a process in the switch's namespace.
        mark: by which the link on the host is found again.
    """

    ip: Path
    addresses: Addresses
    switch: process.Process
    mark: str

    @classmethod
    def start(cls, layout: Layout, addresses: Addresses, object_stores: int) -> "Wiring":
        """Make the switch, and the host's cable to it with the host's address and one for each object store.

        Raises:
            DevClusterError: the kernel refuses.
        """
        made = cls(layout.bin / "ip", addresses, _start_switch(layout), str(layout.root))
        made._plug_in_the_host(object_stores)
        return made

    def connect(self, number: int, pid: int, all_nodes: Sequence[int]) -> None:
        """Lay a node's cable from the namespace of `pid`, and routes to all pods, there and on the host.

        Raises:
            DevClusterError: the kernel refuses.
        """
        known = self.addresses
        others = (other for other in all_nodes if other != number)
        self._run(
            pid,
            "link set lo up",
            f"link add eth0 type veth peer name n{number} netns {self.switch.pid}",
            f"address add {known.node(number)}/{known.subnet.prefixlen} dev eth0",
            "link set eth0 up",
            # Nothing forwards packets beyond the host; without a default route no ClusterIP could be asked at all.
            f"route replace default via {known.host}",
            *(f"route replace {known.node_pods(other)} via {known.node(other)}" for other in others),
        )
        self._run(self.switch.pid, f"link set n{number} master bridge up")
        self._run(None, f"route replace {known.node_pods(number)} via {known.node(number)}")

    def _plug_in_the_host(self, object_stores: int) -> None:
        link, length = self.addresses.link, self.addresses.subnet.prefixlen
        of_stores = (self.addresses.object_store(number) for number in range(object_stores))
        self._run(
            None,
            f"link add {link} type veth peer name host netns {self.switch.pid}",
            f"link set {link} alias {self.mark}",
            *(f"address add {address}/{length} dev {link}" for address in (self.addresses.host, *of_stores)),
            f"link set {link} up",
        )
        self._run(
            self.switch.pid, "link add bridge type bridge", "link set bridge up", "link set host master bridge up"
        )

    def _run(self, inside: int | None, *commands: str) -> None:
        enter = [] if inside is None else ["nsenter", "--target", str(inside), "--net"]
        command = [*enter, str(self.ip), "-batch", "-"]
        done = subprocess.run(command, input="\n".join(commands), capture_output=True, check=False, text=True)
        if done.returncode:
            message = f"the network can't be made: {done.stderr.strip()} (in: {'; '.join(commands)})"
            raise DevClusterError(message)


def remove(ip: Path, mark: str) -> None:
    """Remove links that carry the mark and, with them, the routes."""
    for link in links(mark):
        subprocess.run([str(ip), "link", "delete", link], capture_output=True, check=False)


def links(mark: str) -> list[str]:
    """Return the links on the host that carry the mark."""
    found = []
    for entry in Path("/sys/class/net").iterdir():
        # A link may go while we look, and not every entry is a link.
        with contextlib.suppress(OSError):
            if (entry / "ifalias").read_text().strip() == mark:
                found.append(entry.name)
    return sorted(found)


def _start_switch(layout: Layout) -> process.Process:
    switch = process.start(
        ["/usr/bin/unshare", "--net", "sleep", "infinity"],
        mark=str(layout.root),
        log=layout.logs / f"{SWITCH}.log",
        pid_file=layout.run / SWITCH,
    )
    ours = Path("/proc/self/ns/net").readlink()
    deadline = time.monotonic() + _SECONDS
    while switch.alive and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{switch.pid}/ns/net").readlink() != ours:
                return switch
        time.sleep(_POLL_SECONDS)
    message = f"no network namespace can be made: {(layout.logs / f'{SWITCH}.log').read_text().strip()}"
    raise DevClusterError(message)
