"""Brings built images to where a cluster finds them: a registry, or the nodes of a cluster on this machine."""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from devcluster.images.build import ImageFile
from moorage.errors import DevClusterError

Told = Callable[[str], None]

# The commands by which each tool takes an archive into its nodes or its own store.
LOADERS: dict[str, Callable[[Path, str], list[str]]] = {
    "kind": lambda archive, cluster: ["kind", "load", "image-archive", str(archive), "--name", cluster or "kind"],
    "k3d": lambda archive, cluster: ["k3d", "image", "import", str(archive), "--cluster", cluster or "k3s-default"],
    "minikube": lambda archive, cluster: [
        "minikube",
        "image",
        "load",
        str(archive),
        "--profile",
        cluster or "minikube",
    ],
    "docker": lambda archive, _cluster: ["docker", "load", "--input", str(archive)],
    "podman": lambda archive, _cluster: ["podman", "load", "--input", str(archive)],
}


def push(images: Sequence[ImageFile], registry: str, crane: Path, told: Told) -> list[str]:
    """Push images to a registry; gives the references under which they are there.

    Credentials are those of `docker login` or `crane auth login`.

    Args:
        images: as they were built.
        registry: with folder, as `registry.example.com/moorage`.
        crane: the program that speaks to registries.
        told: gets each reference before it is pushed.

    Raises:
        DevClusterError: the registry refuses one, or does not answer.
    """
    references = []
    for image in images:
        reference = f"{registry.rstrip('/')}/{image.ref.rpartition('/')[2]}"
        told(f"pushing {reference}")
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(image.path) as archive:
                archive.extractall(folder, filter="data")
            _run([str(crane), "push", folder, reference], f"{reference} can't be pushed")
        references.append(reference)
    return references


def load(images: Sequence[ImageFile], tool: str, cluster: str, told: Told) -> None:
    """Give images to kind, k3d, minikube, Docker or Podman.

    Raises:
        DevClusterError: the tool is not installed, or refuses one.
    """
    if shutil.which(tool) is None:
        message = f"{tool} is not on PATH: install it, or push the images to a registry"
        raise DevClusterError(message)
    for image in images:
        told(f"loading {image.ref} with {tool}")
        _run(LOADERS[tool](image.path, cluster), f"{tool} can't load {image.ref}")


def _run(command: Sequence[str], problem: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{problem}: {(done.stderr or done.stdout).strip()[-1000:]}"
        raise DevClusterError(message)
