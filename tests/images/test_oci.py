"""The archives follow the OCI image layout."""

import hashlib
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from devcluster.images.layers import Layer, LayerStore
from devcluster.images.oci import make_image, write_layout
from devcluster.images.recipes import IMAGE_CONFIG


def _layer(store: LayerStore, name: str) -> Layer:
    def fill(root: Path) -> None:
        (root / name).write_text(name)

    return store.layer({"name": name}, fill)


def _blobs(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_every_reference_in_an_archive_holds(tmp_path: Path) -> None:
    """Index, manifest, configuration and layers name each other by digests and sizes that are right."""
    store = LayerStore(tmp_path / "store")
    image = make_image("docker.io/moorage/x:1", [_layer(store, "a"), _layer(store, "b")], IMAGE_CONFIG, ["python3"])
    write_layout(tmp_path / "x.tar", [image])
    blobs = _blobs(tmp_path / "x.tar")

    def follow(descriptor: dict[str, Any]) -> bytes:
        content = blobs["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
        assert len(content) == descriptor["size"]
        assert "sha256:" + hashlib.sha256(content).hexdigest() == descriptor["digest"]
        return content

    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(blobs["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/moorage/x:1"
    manifest = json.loads(follow(entry))
    config = json.loads(follow(manifest["config"]))
    layers = [hashlib.sha256(follow(layer)).hexdigest() for layer in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in layers]
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Cmd"] == ["python3"]


def test_images_in_one_archive_share_their_layers(tmp_path: Path) -> None:
    """A layer of two images is in their common archive once."""
    store = LayerStore(tmp_path / "store")
    shared = _layer(store, "shared")
    images = [
        make_image(f"docker.io/moorage/{name}:1", [shared, _layer(store, name)], IMAGE_CONFIG, [name]) for name in "ab"
    ]
    write_layout(tmp_path / "all.tar", images)
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
    assert len(names) == len(set(names))
    # Two documents of the layout, two of each image, three layers.
    assert len(names) == 2 + 2 * 2 + 3


def test_two_may_write_the_same_archive_at_once(tmp_path: Path) -> None:
    """As two commands on a fresh machine do: neither sees the other's half."""
    image = make_image("docker.io/moorage/x:1", [_layer(LayerStore(tmp_path / "store"), "a")], IMAGE_CONFIG, ["x"])
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: write_layout(tmp_path / "x.tar", [image]), range(64))) == [None] * 64
    assert [path.name for path in tmp_path.iterdir() if path.name != "store"] == ["x.tar"]
    assert _blobs(tmp_path / "x.tar")
