"""Where programs come from: given, cached, downloaded from a server on loopback, or built by Go."""

import hashlib
import http.server
import io
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devcluster import binaries
from devcluster.binaries import catalogue, debian, golang
from devcluster.binaries.build import build
from devcluster.binaries.catalogue import Build, Download, Package
from devcluster.binaries.download import NotPublishedError, download
from devcluster.progress import Silent
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError

_NOT_BUILT = Build(None, (), 0)
_BARE = Package(
    "bare",
    "1",
    ("one", "two"),
    _NOT_BUILT,
    Download("https://published.example/v1/{program}", "https://published.example/v1/{program}.sha256"),
)
_PACKED = Package(
    "packed",
    "1",
    ("inner",),
    _NOT_BUILT,
    Download("https://packed.example/all.tar.gz", "https://packed.example/SUMS", "folder/{program}"),
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The folder that the mirror serves."""
    folder = tmp_path / "published"
    bare = folder / "published.example" / "v1"
    bare.mkdir(parents=True)
    for name in _BARE.programs:
        (bare / name).write_text(f"#!/bin/sh\necho {name}\n")
        (bare / f"{name}.sha256").write_text(_digest(bare / name))
    packed = folder / "packed.example"
    packed.mkdir()
    with tarfile.open(packed / "all.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("folder/inner")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"bytes"))
    (packed / "SUMS").write_text(f"{'0' * 64}  other.tar.gz\n{_digest(packed / 'all.tar.gz')}  all.tar.gz\n")
    return folder


@pytest.fixture
def mirror(published: Path) -> Iterator[str]:
    """A real HTTP server on loopback with the published files."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_published_programs_are_fetched(mirror: str, tmp_path: Path) -> None:
    """Each file by itself, executable, and nothing else stays."""
    folder = tmp_path / "got"
    folder.mkdir()
    download(_BARE, folder, Silent(), mirror=mirror)
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    assert subprocess.run([folder / "two"], capture_output=True, check=True, text=True).stdout == "two\n"


def test_programs_are_taken_out_of_archives(mirror: str, tmp_path: Path) -> None:
    """By the checksum on the line that names the archive, not by another one."""
    folder = tmp_path / "got"
    folder.mkdir()
    download(_PACKED, folder, Silent(), mirror=mirror)
    assert [path.name for path in folder.iterdir()] == ["inner"]
    assert (folder / "inner").read_bytes() == b"bytes"


def test_a_changed_file_is_never_used(mirror: str, published: Path, tmp_path: Path) -> None:
    """A wrong checksum ends it all: no other source is tried behind the user's back, and nothing stays."""
    (published / "published.example/v1/two").write_text("#!/bin/sh\necho evil\n")
    folder = tmp_path / "got"
    folder.mkdir()
    with pytest.raises(DevClusterError, match="two: SHA-256 is"):
        download(_BARE, folder, Silent(), mirror=mirror)
    assert "two" not in [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("missing", ["published.example/v1/two", "published.example/v1/two.sha256"])
def test_what_is_not_published_may_come_from_elsewhere(
    mirror: str, published: Path, tmp_path: Path, missing: str
) -> None:
    """A missing file, or one without a checksum, is no failure of the whole."""
    (published / missing).unlink()
    folder = tmp_path / "got"
    folder.mkdir()
    with pytest.raises(NotPublishedError, match=r"404|two"):
        download(_BARE, folder, Silent(), mirror=mirror)


@pytest.mark.plane
def test_without_a_way_out_programs_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers, so Go builds; the second time the cache has it, and needs neither."""
    monkeypatch.setenv("MOORAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MOORAGE_MIRROR", "http://127.0.0.1:9")
    package = _go_package(tmp_path)
    monkeypatch.setattr(binaries, "packages", lambda: (package,))
    found = binaries.provide(["hello"], Silent())
    assert _says(found["hello"]) == "hello from v7"
    assert found["hello"].is_relative_to(tmp_path / "cache")
    shutil.rmtree(tmp_path / "module")
    assert binaries.provide(["hello"], Silent()) == found


@pytest.mark.plane
def test_two_at_once_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for what the first builds."""
    monkeypatch.setenv("MOORAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MOORAGE_MIRROR", "http://127.0.0.1:9")
    package = _go_package(tmp_path)
    monkeypatch.setattr(binaries, "packages", lambda: (package,))
    builds: list[object] = []

    def counted(*given: Any) -> None:  # noqa: ANN401 - passed on
        builds.append(given)
        build(*given)

    monkeypatch.setattr(binaries, "build", counted)
    both = threading.Barrier(2)

    def provide(_: int) -> dict[str, Path]:
        both.wait()
        return binaries.provide(["hello"], Silent())

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(provide, range(2))
    assert first == second
    assert len(builds) == 1


@pytest.mark.plane
def test_a_build_that_fails_says_why(tmp_path: Path) -> None:
    """Go's own words."""
    package = _go_package(tmp_path)
    (tmp_path / "module/main.go").write_text("package main\nfunc main() { nonsense() }\n")
    with pytest.raises(DevClusterError, match="undefined: nonsense"):
        build(package, golang.go_program(Silent()), tmp_path, lambda *_: None)


def test_what_is_given_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By argument or by variable, before the cache is even looked at; the rest comes from elsewhere."""
    monkeypatch.setenv("MOORAGE_CACHE", str(tmp_path / "cache"))
    given = tmp_path / "given"
    given.mkdir()
    for name in ("kubectl", "etcd", "runc"):
        (given / name).write_text("")
    assert binaries.provide(["kubectl"], Silent(), given=given) == {"kubectl": given / "kubectl"}
    monkeypatch.setenv("MOORAGE_BIN_DIR", str(given))
    assert binaries.provide(["etcd", "runc"], Silent()) == {"etcd": given / "etcd", "runc": given / "runc"}
    with pytest.raises(DevClusterError, match="no program called nonsense"):
        binaries.provide(["nonsense"], Silent())


def test_one_folder_has_all_programs(tmp_path: Path) -> None:
    """Links, which a second try replaces."""
    (tmp_path / "real").write_text("x")
    for _ in range(2):
        binaries.link({"kubectl": tmp_path / "real"}, tmp_path / "bin")
    assert (tmp_path / "bin/kubectl").readlink() == tmp_path / "real"


def test_only_what_a_cluster_runs_is_made() -> None:
    """No kubelet where no node is, no kwok where nothing is pretended."""
    plane = set(binaries.needed(ClusterSpec(sites={"eu-1": 0})))
    assert not {"kubelet", "runc", "kwok"} & plane
    assert {"etcd", "kube-apiserver", "kubectl", "helm"} <= plane
    assert "kwok" in binaries.needed(ClusterSpec(fake_nodes=1))
    assert {"kubelet", "runc", "nft", "cni"} <= set(binaries.needed(ClusterSpec()))
    assert "fusermount3" not in binaries.needed(ClusterSpec(fake_nodes=1))


def test_every_program_has_one_source() -> None:
    """Each that a cluster may need is in exactly one package, at the versions that the pinned modules say."""
    known = [program for package in catalogue.packages() for program in package.programs] + list(debian.PACKAGES)
    assert sorted(known) == sorted(set(known))
    assert set(binaries.needed(ClusterSpec(fake_nodes=1))) <= set(known)
    for package in catalogue.packages():
        if package.build.module is not None:
            assert f"v{package.version}" in (package.build.module / "go.mod").read_text()


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("go version go1.26.8 linux/amd64", True),
        ("go version go1.26 linux/amd64", True),
        ("go version go1.27.0 linux/amd64", False),
        ("go version go1.2.6 linux/amd64", False),
        ("", False),
    ],
)
def test_go_must_be_of_the_right_version(version: str, *, fits: bool) -> None:
    """Older ones lack what Kubernetes needs, newer ones break it."""
    assert golang.fits(version) is fits


def test_plugins_are_found_as_a_folder_only_when_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that lacks one of the needed plugins is not taken."""
    monkeypatch.setattr(debian, "_CNI_FOLDERS", (str(tmp_path / "a"), str(tmp_path / "b")))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ptp").touch()
    assert debian.on_this_machine("cni") is None
    for name in debian.CNI_PLUGINS:
        (tmp_path / "b" / name).touch()
    assert debian.on_this_machine("cni") == tmp_path / "b"


def _go_package(folder: Path) -> Package:
    module = folder / "module"
    module.mkdir()
    (module / "go.mod").write_text("module hello.example\n\ngo 1.26.0\n")
    (module / "main.go").write_text(
        'package main\n\nimport "fmt"\n\nvar version = "unset"\n\nfunc main() { fmt.Println("hello from", version) }\n'
    )
    recipe = Build(module, (".",), 1, (("main.version", "v7"),))
    published = Download("https://hello.example/{program}", "https://hello.example/{program}.sha256")
    return Package("hello", "7", ("hello",), recipe, published)


def _says(program: Path) -> str:
    return subprocess.run([program], capture_output=True, check=True, text=True).stdout.strip()
