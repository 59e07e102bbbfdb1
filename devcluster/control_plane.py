"""Etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes of the host."""

from dataclasses import dataclass
from pathlib import Path

from devcluster import kubeconfig, process
from devcluster.address import ETCD_PORT, Addresses
from devcluster.certificates import Authority, service_account_keys
from devcluster.layout import Layout

ISSUER = "https://kubernetes.default.svc.cluster.local"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Authorities:
    """The certificate authorities of a cluster: Kubernetes, front proxy and etcd each have their own."""

    kubernetes: Authority
    front_proxy: Authority
    etcd: Authority

    @classmethod
    def new(cls) -> "Authorities":
        """Make all three."""
        return cls(Authority("kubernetes"), Authority("front-proxy"), Authority("etcd-ca"))


def write_credentials(layout: Layout, addresses: Addresses, authorities: Authorities) -> None:
    """Write every key and kubeconfig of the control plane, and the administrator's."""
    pki, kubernetes = layout.pki, authorities.kubernetes
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    hosts = (*names, "localhost", "127.0.0.1", str(addresses.host), str(addresses.services[1]))
    pairs = {
        "ca": kubernetes.key_pair,
        "front-proxy-ca": authorities.front_proxy.key_pair,
        "etcd-ca": authorities.etcd.key_pair,
        "apiserver": kubernetes.server("kube-apiserver", hosts),
        "apiserver-kubelet-client": kubernetes.client("kube-apiserver-kubelet-client", ["system:masters"]),
        "front-proxy-client": authorities.front_proxy.client("front-proxy-client"),
        "etcd-server": authorities.etcd.server("etcd", [str(addresses.loopback)]),
        "apiserver-etcd-client": authorities.etcd.client("kube-apiserver"),
        "service-account": service_account_keys(),
    }
    for name, pair in pairs.items():
        pair.write(pki, name)
    users = {
        layout.kubeconfig: ("kubernetes-admin", ["system:masters"]),
        pki / "kube-controller-manager.kubeconfig": ("system:kube-controller-manager", []),
        pki / "kube-scheduler.kubeconfig": ("system:kube-scheduler", []),
        pki / "kwok.kubeconfig": ("kwok", ["system:masters"]),
    }
    for path, (user, groups) in users.items():
        kubeconfig.write(
            path,
            cluster=layout.root.name,
            server=addresses.api_server,
            authority=kubernetes.key_pair.certificate,
            client=kubernetes.client(user, groups),
        )


def start(component: str, layout: Layout, addresses: Addresses) -> process.Process:
    """Start one of COMPONENTS; the caller waits for what it needs.

    Raises:
        DevClusterError: it can't be executed.
    """
    arguments = {
        "etcd": _etcd,
        "kube-apiserver": _api_server,
        "kube-controller-manager": _controller_manager,
        "kube-scheduler": _scheduler,
    }[component](layout, addresses)
    return process.start(
        [str(layout.bin / component), *(f"--{name}={value}" for name, value in arguments.items())],
        mark=str(layout.root),
        log=layout.logs / f"{component}.log",
        pid_file=layout.run / component,
    )


def _etcd(layout: Layout, addresses: Addresses) -> dict[str, str | Path]:
    client, peer = (f"https://{addresses.loopback}:{port}" for port in (ETCD_PORT, 2380))
    server = layout.pki / "etcd-server"
    return {
        "name": "etcd",
        "data-dir": layout.etcd,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"etcd={peer}",
        "cert-file": server.with_suffix(".crt"),
        "key-file": server.with_suffix(".key"),
        "trusted-ca-file": layout.pki / "etcd-ca.crt",
        "client-cert-auth": "true",
        "peer-cert-file": server.with_suffix(".crt"),
        "peer-key-file": server.with_suffix(".key"),
        "peer-trusted-ca-file": layout.pki / "etcd-ca.crt",
        "peer-client-cert-auth": "true",
        # The data dies with the cluster, so a power cut may take it.
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }


def _api_server(layout: Layout, addresses: Addresses) -> dict[str, str | Path]:
    pki = layout.pki
    # A loopback address can't be advertised to pods; without real nodes there are none that would ask.
    reach = (
        {"advertise-address": str(addresses.host)}
        if addresses.bridged
        else {"advertise-address": "192.0.2.1", "endpoint-reconciler-type": "none"}
    )
    return {
        "bind-address": str(addresses.host),
        "secure-port": "6443",
        **reach,
        "etcd-servers": f"https://{addresses.loopback}:{ETCD_PORT}",
        "etcd-cafile": pki / "etcd-ca.crt",
        "etcd-certfile": pki / "apiserver-etcd-client.crt",
        "etcd-keyfile": pki / "apiserver-etcd-client.key",
        "client-ca-file": pki / "ca.crt",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
        "kubelet-client-key": pki / "apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": ISSUER,
        "service-account-key-file": pki / "service-account.crt",
        "service-account-signing-key-file": pki / "service-account.key",
        "service-cluster-ip-range": str(addresses.services),
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "anonymous-auth": "true",
        # No kube-proxy runs on the host: webhooks behind Services are reached at their pods' addresses.
        "enable-aggregator-routing": "true",
        "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": pki / "front-proxy-client.crt",
        "proxy-client-key-file": pki / "front-proxy-client.key",
    }


def _controller_manager(layout: Layout, addresses: Addresses) -> dict[str, str | Path]:
    config = layout.pki / "kube-controller-manager.kubeconfig"
    return {
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "bind-address": str(addresses.loopback),
        "secure-port": "10257",
        "cert-dir": layout.run / "kube-controller-manager-certificates",
        "leader-elect": "false",
        "use-service-account-credentials": "true",
        "root-ca-file": layout.pki / "ca.crt",
        "service-account-private-key-file": layout.pki / "service-account.key",
        "cluster-signing-cert-file": layout.pki / "ca.crt",
        "cluster-signing-key-file": layout.pki / "ca.key",
        "requestheader-client-ca-file": layout.pki / "front-proxy-ca.crt",
        "flex-volume-plugin-dir": layout.run / "flex-volume-plugins",
        # Every node is given its range when it is made.
        "allocate-node-cidrs": "false",
    }


def _scheduler(layout: Layout, addresses: Addresses) -> dict[str, str | Path]:
    config = layout.pki / "kube-scheduler.kubeconfig"
    return {
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "bind-address": str(addresses.loopback),
        "secure-port": "10259",
        "cert-dir": layout.run / "kube-scheduler-certificates",
        "leader-elect": "false",
    }
