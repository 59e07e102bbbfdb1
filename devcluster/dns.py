"""The cluster's DNS: CoreDNS as a process of the host, which nodes tell their pods to ask.

It knows Services and pods, and nothing beyond: pods reach no other network, so another name is refused at once instead
of being asked for in vain.
"""

import time
from typing import Any

import httpx2 as httpx

from devcluster import kubeconfig, process
from devcluster.address import Addresses
from devcluster.certificates import Authority
from devcluster.layout import Layout
from moorage.errors import DevClusterError

NAME = "coredns"
DOMAIN = "cluster.local"
_USER = "system:coredns"
_READY_PORT = 8181
_SECONDS, _POLL_SECONDS = 60.0, 0.1
_TTL_SECONDS = 5

_READ = {"verbs": ["list", "watch"]}
RIGHTS: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _USER},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "namespaces"], **_READ},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], **_READ},
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": _USER}],
    },
)
"""The DNS server's rights, which the administrator grants."""


def write_files(layout: Layout, addresses: Addresses, authority: Authority) -> None:
    """Write its configuration and credentials."""
    config = layout.pki / f"{NAME}.kubeconfig"
    kubeconfig.write(
        config,
        cluster=layout.root.name,
        server=addresses.api_server,
        authority=authority.key_pair.certificate,
        client=authority.client(_USER, []),
    )
    (layout.root / "Corefile").write_text(
        f"""\
.:53 {{
    bind {addresses.host}
    errors
    ready {addresses.loopback}:{_READY_PORT}
    kubernetes {DOMAIN} in-addr.arpa {{
        kubeconfig {config}
        pods insecure
        ttl {_TTL_SECONDS}
    }}
}}
"""
    )


def start(layout: Layout) -> process.Process:
    """Start the DNS server.

    Raises:
        DevClusterError: it can't be executed.
    """
    return process.start(
        [str(layout.bin / NAME), "-conf", str(layout.root / "Corefile")],
        mark=str(layout.root),
        log=layout.logs / f"{NAME}.log",
        pid_file=layout.run / NAME,
    )


def wait_until_ready(layout: Layout, addresses: Addresses) -> None:
    """Wait until it has seen all Services.

    Raises:
        DevClusterError: it ended, or it was not ready in time.
    """
    deadline = time.monotonic() + _SECONDS
    while not _is_ready(addresses):
        if not process.runs(layout.run / NAME) or time.monotonic() > deadline:
            log = (layout.logs / f"{NAME}.log").read_text(errors="replace")
            message = f"the cluster's DNS did not come up at {addresses.host}:{remedy(log)}\n{log[-1500:]}"
            raise DevClusterError(message)
        time.sleep(_POLL_SECONDS)


def remedy(log: str) -> str:
    """Return the remedy where another DNS server holds the port; "" for any other failure."""
    if "address already in use" not in log:
        return ""
    return (
        " another DNS server on this machine listens at port 53 of all addresses: stop it, or let it listen at its own "
        "only (dnsmasq: bind-interfaces)"
    )


def _is_ready(addresses: Addresses) -> bool:
    try:
        return httpx.get(f"http://{addresses.loopback}:{_READY_PORT}/ready", timeout=2).is_success
    except httpx.HTTPError:
        return False
