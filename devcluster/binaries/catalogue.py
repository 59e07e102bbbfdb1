"""The programs that a cluster runs, and the possible sources of each."""

import platform
from dataclasses import dataclass
from pathlib import Path

from devcluster import versions

_MODULES = Path(__file__).with_name("modules")
_GITHUB = "https://github.com"


@dataclass(frozen=True)
class Download:
    """A published file and the file with its checksum.

    Attributes:
        url: may have `{program}`.
        checksum_url: a bare SHA-256, or lines of SHA-256 and file name.
        member: the program's path in the archive, may have `{program}`; empty when the file is the program itself.
    """

    url: str
    checksum_url: str
    member: str = ""


@dataclass(frozen=True)
class Build:
    """A build of programs by the Go tool.

    Attributes:
        module: a folder with a go.mod of ours, or None to take the packages' own module at their version.
        packages: import paths, one per program; with `@version` if there is no module of ours.
        variables: values to be linked in.
        size: how many Go packages are compiled from nothing, for the progress bar alone.
    """

    module: Path | None
    packages: tuple[str, ...]
    size: int
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Package:
    """Programs that share a version.

    Attributes:
        download: None where no checksums are published with the files.
    """

    name: str
    version: str
    programs: tuple[str, ...]
    build: Build
    download: Download | None = None


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def packages() -> tuple[Package, ...]:
    """Return every package, for this machine's architecture."""
    arch = _architecture()
    kubernetes = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet", "kube-proxy")
    containerd = ("containerd", "containerd-shim-runc-v2", "ctr")
    kubernetes_url = f"https://dl.k8s.io/v{versions.KUBERNETES}/bin/linux/{arch}/{{program}}"
    etcd_url = f"{_GITHUB}/etcd-io/etcd/releases/download/v{versions.ETCD}"
    etcd_folder = f"etcd-v{versions.ETCD}-linux-{arch}"
    containerd_url = (
        f"{_GITHUB}/containerd/containerd/releases/download/v{versions.CONTAINERD}"
        f"/containerd-{versions.CONTAINERD}-linux-{arch}.tar.gz"
    )
    coredns_url = (
        f"{_GITHUB}/coredns/coredns/releases/download/v{versions.COREDNS}/coredns_{versions.COREDNS}_linux_{arch}.tgz"
    )
    helm_url = f"https://get.helm.sh/helm-v{versions.HELM}-linux-{arch}.tar.gz"
    major, minor, _ = versions.KUBERNETES.split(".")
    version = "k8s.io/component-base/version"
    return (
        Package(
            "kubernetes",
            versions.KUBERNETES,
            kubernetes,
            Build(
                _MODULES / "kubernetes",
                tuple(f"k8s.io/kubernetes/cmd/{program}" for program in kubernetes),
                2744,
                (
                    (f"{version}.gitVersion", f"v{versions.KUBERNETES}"),
                    (f"{version}.gitMajor", major),
                    (f"{version}.gitMinor", minor),
                ),
            ),
            Download(kubernetes_url, f"{kubernetes_url}.sha256"),
        ),
        Package(
            "etcd",
            versions.ETCD,
            ("etcd",),
            Build(_MODULES / "etcd", (".",), 330),
            Download(f"{etcd_url}/{etcd_folder}.tar.gz", f"{etcd_url}/SHA256SUMS", f"{etcd_folder}/etcd"),
        ),
        Package(
            "containerd",
            versions.CONTAINERD,
            containerd,
            Build(
                None,
                tuple(
                    f"github.com/containerd/containerd/v2/cmd/{program}@v{versions.CONTAINERD}"
                    for program in containerd
                ),
                640,
            ),
            Download(containerd_url, f"{containerd_url}.sha256sum", "bin/{program}"),
        ),
        Package(
            "coredns",
            versions.COREDNS,
            ("coredns",),
            Build(_MODULES / "coredns", (".",), 800),
            Download(coredns_url, f"{coredns_url}.sha256", "coredns"),
        ),
        Package(
            "helm",
            versions.HELM,
            ("helm",),
            Build(None, (f"helm.sh/helm/v4/cmd/helm@v{versions.HELM}",), 700),
            Download(helm_url, f"{helm_url}.sha256sum", f"linux-{arch}/helm"),
        ),
        Package(
            "crane",
            versions.CRANE,
            ("crane",),
            Build(None, (f"github.com/google/go-containerregistry/cmd/crane@v{versions.CRANE}",), 220),
        ),
        # What a krew manifest is, its own programs know.
        Package(
            "krew",
            versions.KREW,
            ("krew", "validate-krew-manifest"),
            Build(
                None,
                tuple(f"sigs.k8s.io/krew/cmd/{name}@v{versions.KREW}" for name in ("krew", "validate-krew-manifest")),
                240,
            ),
        ),
        Package(
            "kwok",
            versions.KWOK,
            ("kwok",),
            Build(None, (f"sigs.k8s.io/kwok/cmd/kwok@v{versions.KWOK}",), 500),
        ),
    )
