"""The OCI image layout: configuration, manifest, index, and the tar that `ctr images import` reads."""

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.images.layers import Layer
from devcluster.images.recipes import ImageConfig

_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Document:
    """A small JSON blob of an image, in canonical form."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """SHA-256 in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def descriptor(self) -> dict[str, Any]:
        """Return the descriptor by which other documents refer to this one."""
        return {"mediaType": self.media_type, "digest": f"sha256:{self.digest}", "size": len(self.content)}


@dataclass(frozen=True)
class Image:
    """An image that is ready to be written; the manifest's digest is the image's."""

    reference: str
    config: Document
    manifest: Document
    layers: tuple[Layer, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest in hex."""
        return self.manifest.digest


def make_image(reference: str, layers: Sequence[Layer], config: ImageConfig, command: Sequence[str]) -> Image:
    """Describes an image for this machine's architecture, with no date in it."""
    machine = platform.machine()
    described = _document(
        {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {
                "User": config.user,
                "Env": [f"{name}={value}" for name, value in sorted(config.environment.items())],
                "WorkingDir": config.working_directory,
                "Cmd": list(command),
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
        },
        _CONFIG,
    )
    manifest = _document(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": described.descriptor(),
            # Layers are not compressed, so a layer's digest is that of its contents.
            "layers": [
                {"mediaType": _LAYER, "digest": f"sha256:{layer.digest}", "size": layer.size} for layer in layers
            ],
        },
        _MANIFEST,
    )
    return Image(reference, described, manifest, tuple(layers))


def write_layout(path: Path, images: Sequence[Image]) -> None:
    """Writes images into one tar, each shared layer once."""
    index = _document(
        {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [
                {
                    **image.manifest.descriptor(),
                    "annotations": {
                        "io.containerd.image.name": image.reference,
                        "org.opencontainers.image.ref.name": image.reference.rpartition(":")[2],
                    },
                }
                for image in images
            ],
        },
        _INDEX,
    )
    documents = {part.digest: part.content for image in images for part in (image.config, image.manifest)}
    layers = {layer.digest: layer for image in images for layer in image.layers}
    # Two processes may write the same archive at once: each has a file of its own until it is whole.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        with tarfile.open(unfinished, "w") as tar:
            _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            _add(tar, "index.json", index.content)
            for digest, content in sorted(documents.items()):
                _add(tar, f"blobs/sha256/{digest}", content)
            for digest, layer in sorted(layers.items()):
                member = tarfile.TarInfo(f"blobs/sha256/{digest}")
                member.size = layer.size
                with layer.path.open("rb") as stream:
                    tar.addfile(member, stream)
        unfinished.replace(path)


def _document(value: dict[str, Any], media_type: str) -> Document:
    return Document(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), media_type)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
