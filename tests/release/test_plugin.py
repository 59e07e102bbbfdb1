"""The kubectl plugin as krew installs it: its own validator and installer, from an archive that was made here."""

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from devcluster import binaries
from devcluster.progress import Silent
from moorage_cli.kubectl_dataset import kubectl_dataset
from release import krew
from release.plugin import PLATFORMS, make_archive

ROOT = Path(__file__).resolve().parents[2]
URL = "https://git.example.com/team/moorage"
HERE = ("linux", {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), ""))

pytestmark = [
    pytest.mark.plane,
    pytest.mark.xdist_group("krew"),
    pytest.mark.skipif(HERE not in PLATFORMS, reason=f"no archive is made for {HERE}"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """This machine's archive, and a manifest of it."""
    folder = tmp_path_factory.mktemp("plugin")
    archive = make_archive(ROOT, "0.1.0", HERE, folder)
    manifest = folder / "dataset.yaml"
    manifest.write_text(yaml.safe_dump(dict(krew.manifest("0.1.0", URL, (archive,)))))
    return manifest, folder / archive.file


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command, with what it said."""
    return subprocess.run(command, env=os.environ | environment, capture_output=True, check=False, text=True)


def test_krew_finds_the_manifest_valid(made: tuple[Path, Path]) -> None:
    """By the program that krew's index runs on each manifest that is sent in."""
    validator = binaries.program("validate-krew-manifest", Silent())
    manifest, _ = made
    done = run(validator, "-manifest", manifest, "-skip-install")
    assert done.returncode == 0, done.stderr
    spoilt = manifest.with_name("spoilt") / "dataset.yaml"
    spoilt.parent.mkdir()
    spoilt.write_text(manifest.read_text().replace("sha256: ", "sha256: x"))
    assert "sha256" in run(validator, "-manifest", spoilt, "-skip-install").stderr


def test_krew_installs_what_kubectl_runs(made: tuple[Path, Path], tmp_path: Path) -> None:
    """`kubectl dataset` works from krew's folder, with nothing of ours installed for its Python."""
    manifest, archive = made
    programs = binaries.provide(["krew", "kubectl"], Silent())
    done = run(
        programs["krew"], "install", f"--manifest={manifest}", f"--archive={archive}",
        KREW_ROOT=str(tmp_path), KREW_NO_UPGRADE_CHECK="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # The Python that runs this test is the first on PATH; of a virtual environment nothing is visible but its own.
    python = Path(sys.base_prefix) / "bin"
    path = os.pathsep.join([str(tmp_path / "bin"), str(programs["kubectl"].parent), str(python), "/usr/bin", "/bin"])
    told = run(programs["kubectl"], "dataset", "--help", PATH=path, PYTHONNOUSERSITE="1")
    assert told.returncode == 0, told.stderr
    assert kubectl_dataset.help
    assert kubectl_dataset.help in told.stdout
    old = tmp_path / "old.yaml"
    old.write_text(
        "apiVersion: datashim.io/v1alpha1\nkind: Dataset\nmetadata: {name: x}\nspec: {local: {type: COS, "
        "endpoint: 'https://s3', bucket: b, secret-name: k}}\n"
    )
    converted = run(programs["kubectl"], "dataset", "convert", "--site", "eu-1", old, PATH=path)
    assert "moorage.dev/v1alpha1" in converted.stdout, converted.stderr
    nowhere = run(programs["kubectl"], "dataset", "list", PATH=path, KUBECONFIG=str(tmp_path / "none"))
    assert nowhere.returncode != 0
    assert "Traceback" not in nowhere.stderr


def test_an_archive_is_the_same_every_time(made: tuple[Path, Path], tmp_path: Path) -> None:
    """So that anyone can make it from the tag and compare the hash in the manifest."""
    _, archive = made
    again = make_archive(ROOT, "0.1.0", HERE, tmp_path)
    assert again.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    assert krew.LAUNCHER in names
    assert not [name for name in names if name.endswith((".pyc", "RECORD"))]
