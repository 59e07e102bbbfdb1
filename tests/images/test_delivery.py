"""Images come to where a cluster finds them: a real registry."""

import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from devcluster import binaries
from devcluster.images import build_all
from devcluster.images.delivery import LOADERS, load, push
from devcluster.progress import Silent
from moorage.errors import DevClusterError
from tests.world import eventually

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("images")]


@pytest.fixture(scope="module")
def crane() -> Path:
    """The program that speaks to registries."""
    return binaries.program("crane", Silent())


@pytest.fixture
def registry(crane: Path, tmp_path: Path) -> Iterator[str]:
    """A real registry on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(crane), "registry", "serve", "--address", f"127.0.0.1:{port}", "--disk", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

        def answers() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            return False

        eventually(answers)
        yield f"127.0.0.1:{port}/moorage"
        process.terminate()


def test_what_is_pushed_can_be_pulled(registry: str, crane: Path, tmp_path: Path) -> None:
    """Under the registry's name, with the digest that was built, config and all layers."""
    programs = partial(binaries.program, progress=Silent())
    images = build_all(tmp_path / "built", lambda _: None, programs=programs, components=["pause"])
    told: list[str] = []
    (reference,) = push(images, f"{registry}/", crane, told.append)
    assert reference == f"{registry}/{images[0].ref.rpartition('/')[2]}"
    assert told == [f"pushing {reference}"]
    digest = subprocess.run([crane, "digest", reference], capture_output=True, check=True, text=True).stdout.strip()
    assert digest == f"sha256:{images[0].digest}"
    config = json.loads(subprocess.run([crane, "config", reference], capture_output=True, check=True).stdout)
    assert config["config"]["Cmd"] == ["/usr/local/bin/pause"]
    for layer in config["rootfs"]["diff_ids"]:  # our layers are not compressed: the blob is the layer
        address = f"{reference.rpartition(':')[0]}@{layer}"
        blob = subprocess.run([crane, "blob", address], check=True, capture_output=True).stdout
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == layer


def test_a_registry_that_is_not_there(crane: Path, tmp_path: Path) -> None:
    """Says which image, and what the registry said."""
    programs = partial(binaries.program, progress=Silent())
    images = build_all(tmp_path, lambda _: None, programs=programs, components=["pause"])
    with pytest.raises(DevClusterError, match=r"127\.0\.0\.1:1/moorage/pause:.* can't be pushed"):
        push(images, "127.0.0.1:1/moorage", crane, lambda _: None)


@pytest.mark.parametrize("tool", sorted(LOADERS))
def test_a_tool_that_is_missing(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says so, with the other way."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DevClusterError, match=f"{tool} is not on PATH: install it, or push the images to a registry"):
        load([], tool, "", lambda _: None)


def test_a_tool_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are told."""
    script = tmp_path / "kind"
    script.write_text('#!/bin/sh\necho "ERROR: no nodes found for cluster $5" >&2\nexit 1\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    programs = partial(binaries.program, progress=Silent())
    images = build_all(tmp_path / "built", lambda _: None, programs=programs, components=["pause"])
    with pytest.raises(DevClusterError, match=r"kind can't load .*pause.*: ERROR: no nodes found for cluster other"):
        load(images, "kind", "other", lambda _: None)
