"""Layers depend on what is in them, and are made once."""

import os
import tarfile
from pathlib import Path

import pytest

from devcluster.images.layers import LayerStore, sha256_of, write_tree


def _tree(root: Path, *, mtime: int, mode: int) -> Path:
    (root / "bin").mkdir(parents=True)
    program = root / "bin/program"
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    (root / "etc").mkdir()
    (root / "etc/settings").write_text("a=1\n")
    (root / "sbin").symlink_to("bin")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    for path in (program, root / "etc", root / "etc/settings"):
        os.utime(path, (mtime, mtime))
    return root


def _tar(root: Path) -> Path:
    path = root.with_suffix(".tar")
    with path.open("wb") as stream:
        write_tree(stream, root)
    return path


def test_a_tar_depends_on_contents_alone(tmp_path: Path) -> None:
    """Times, owners, umask and the order of creation leave no trace."""
    first = _tar(_tree(tmp_path / "first", mtime=1, mode=0o700))
    second = _tar(_tree(tmp_path / "second", mtime=2_000_000_000, mode=0o777))
    assert sha256_of(first) == sha256_of(second)


def test_modes_links_and_owners_are_an_images(tmp_path: Path) -> None:
    """Programs are executable, all may write to /tmp, links stay links, and root owns everything."""
    with tarfile.open(_tar(_tree(tmp_path / "root", mtime=1, mode=0o700))) as tar:
        members = {member.name: member for member in tar}
    assert list(members) == sorted(members)
    assert {name: oct(member.mode) for name, member in members.items()} == {
        "bin": "0o755",
        "bin/program": "0o755",
        "etc": "0o755",
        "etc/settings": "0o644",
        "sbin": "0o777",
        "tmp": "0o1777",
    }
    assert members["sbin"].linkname == "bin"
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 0)}


def test_a_layer_is_made_once_for_its_inputs(tmp_path: Path) -> None:
    """The same inputs give the stored layer; other inputs are filled anew."""
    store = LayerStore(tmp_path)
    filled: list[str] = []

    def fill(root: Path) -> None:
        filled.append("x")
        (root / "file").write_text("content")

    first = store.layer({"version": 1}, fill)
    assert store.layer({"version": 1}, fill) == first
    assert len(filled) == 1
    # Other inputs, the same content: one blob.
    assert store.layer({"version": 2}, fill) == first
    assert len(filled) == 2
    assert sha256_of(first.path) == first.digest


def test_a_lost_blob_is_made_again(tmp_path: Path) -> None:
    """Who deletes from the cache loses time, nothing else."""
    store = LayerStore(tmp_path)

    def fill(root: Path) -> None:
        (root / "file").write_text("content")

    layer = store.layer({"version": 1}, fill)
    layer.path.unlink()
    assert store.layer({"version": 1}, fill) == layer
    assert layer.path.exists()


def test_a_failed_fill_leaves_nothing(tmp_path: Path) -> None:
    """A build that broke is not taken for one that succeeded, and its folder is gone."""
    store = LayerStore(tmp_path)

    def fail(root: Path) -> None:
        (root / "file").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.layer({"version": 1}, fail)
    assert store.known("anything") is None
    assert list(store.scratch.iterdir()) == []
