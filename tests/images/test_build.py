"""Real builds: same bytes for the same inputs, and programs that start as nobody in particular."""

import json
import os
import shutil
import subprocess
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl

from devcluster import binaries
from devcluster.images import COMPONENTS, ImageFile, build, build_all, bundle
from devcluster.images.debian import refuse_what_leads_out
from devcluster.images.recipes import IMAGE_CONFIG, NON_ROOT_ID
from devcluster.images.sources import REPOSITORY
from devcluster.progress import Silent
from moorage.errors import DevClusterError

pytestmark = [
    pytest.mark.real,
    pytest.mark.xdist_group("images"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change the root folder"),
]

_PYTHON_IMAGES = [name for name, recipe in COMPONENTS.items() if recipe.has_python]
_PROGRAMS = partial(binaries.program, progress=Silent())


def _build(component: str, out_dir: Path, repository: Path = REPOSITORY) -> ImageFile:
    return build(component, out_dir, lambda _: None, programs=_PROGRAMS, repository=repository)


def _manifest(image: ImageFile) -> Any:  # noqa: ANN401 - JSON
    with tarfile.open(image.path) as tar:
        content = tar.extractfile(f"blobs/sha256/{image.digest}")
        assert content is not None
        return json.load(content)


def _layers(image: ImageFile) -> list[str]:
    return [layer["digest"] for layer in _manifest(image)["layers"]]


@pytest.fixture(scope="module")
def out_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where archives go."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def rootfs(out_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each Python image, unpacked."""
    unpacked = {}
    images = build_all(out_dir, lambda _: None, programs=_PROGRAMS, components=_PYTHON_IMAGES)
    for name, image in zip(_PYTHON_IMAGES, images, strict=True):
        root = tmp_path_factory.mktemp(name)
        with tarfile.open(image.path) as archive:
            for digest in _layers(image):
                layer = archive.extractfile("blobs/sha256/" + digest.removeprefix("sha256:"))
                with tarfile.open(fileobj=layer) as tar:
                    refuse_what_leads_out(tar)
                    tar.extractall(root)  # noqa: S202 - our own layer
        root.chmod(0o755)
        unpacked[name] = root
    return unpacked


def _run(root: Path, *command: str) -> str:
    """Runs a program as it would run in a container: its own root, nobody's id, the image's environment."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")
        os.setgroups([])
        os.setgid(NON_ROOT_ID)
        os.setuid(NON_ROOT_ID)

    done = subprocess.run(
        command,
        preexec_fn=enter,
        env=dict(IMAGE_CONFIG.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_IMPORT_ALL = """
import importlib, os, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        importlib.import_module(module.name)
sources = {module.__file__: getattr(module, "__cached__", None) for module in list(sys.modules.values())
           if (getattr(module, "__file__", None) or "").endswith(".py") and hasattr(module, "__cached__")}
print(sorted(source for source, compiled in sources.items() if not (compiled and os.path.exists(compiled))))
"""


@pytest.mark.parametrize("name", [name for name in _PYTHON_IMAGES if COMPONENTS[name].packages])
def test_all_our_modules_import_from_bytecode(rootfs: dict[str, Path], name: str) -> None:
    """Nothing is missing from the image, and nothing is compiled at the start of a container."""
    packages = COMPONENTS[name].packages
    own = {
        "mount": ("node_plugin.sidecar",),
        "task": ("pipeline_executor.task_sidecar",),
        # Of the planner it has the readers; what solves needs more.
        "kfp-api": ("kfp_api",),
        "ui": ("moorage_ui",),
    }
    packages = own.get(name, packages)
    assert _run(rootfs[name], "python3", "-c", _IMPORT_ALL, *packages) == "[]\n"


def test_sidecars_need_no_wheels(rootfs: dict[str, Path]) -> None:
    """One runs beside every pod that mounts, and every task: the standard library, our code, rclone, and no more."""
    assert not (rootfs["mount"] / "deps").exists()
    assert not (rootfs["task"] / "deps").exists()
    assert _run(rootfs["mount"], "rclone", "version").startswith("rclone v")


def test_the_readers_image_reads_parquet(rootfs: dict[str, Path]) -> None:
    """It is what a data scientist would use: pyarrow works in it."""
    program = (
        "import pyarrow as pa, pyarrow.parquet as pq; buffer = pa.BufferOutputStream(); "
        "pq.write_table(pa.table({'a': [1, 2]}), buffer); "
        "print(pq.read_table(pa.BufferReader(buffer.getvalue()))['a'].to_pylist())"
    )
    assert _run(rootfs["demo-reader"], "python3", "-c", program) == "[1, 2]\n"


def test_a_compiled_component_runs_in_the_readers_image(rootfs: dict[str, Path], tmp_path: Path) -> None:
    """The command that kfp compiles needs a shell, a temporary file and kfp's own executor."""

    @dsl.component(base_image="any", install_kfp_package=False)
    def add(one: int, other: int) -> int:
        return one + other

    compiler.Compiler().compile(add, str(tmp_path / "add.yaml"))
    spec = yaml.safe_load((tmp_path / "add.yaml").read_text())
    container = spec["deploymentSpec"]["executors"]["exec-add"]["container"]
    outputs = {"parameters": {"Output": {"outputFile": "/tmp/out"}}, "outputFile": "/tmp/executor_output.json"}
    executor_input = {"inputs": {"parameterValues": {"one": 20, "other": 22}}, "outputs": outputs}
    command = [*container["command"], *container["args"]]
    root = rootfs["demo-reader"]
    (root / "tmp").chmod(0o1777)
    _run(root, *(json.dumps(executor_input) if word == "{{$}}" else word for word in command))
    assert json.loads((root / "tmp/executor_output.json").read_text()) == {"parameterValues": {"Output": 42}}


def test_certificates_are_trusted(rootfs: dict[str, Path]) -> None:
    """TLS to public stores works: the authorities' bundle is where OpenSSL looks."""
    program = "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 100)"
    assert _run(rootfs["webhook"], "python3", "-c", program) == "True\n"


def test_there_is_no_shell(rootfs: dict[str, Path]) -> None:
    """Who breaks in finds Python, and no other program; only a data scientist's image has more."""
    for name, root in rootfs.items():
        if COMPONENTS[name].has_shell:
            continue
        programs = {path.name for folder in ("usr/bin", "usr/sbin") for path in (root / folder).glob("*")}
        assert {program for program in programs if not program.startswith("python3")} == set(), name


def _copy_of_repository(target: Path) -> Path:
    for name in ("moorage", "webhook", "requirements"):
        # copy() gives all files new times.
        shutil.copytree(REPOSITORY / name, target / name, copy_function=shutil.copy)
    return target


def test_only_the_top_layer_follows_our_code(out_dir: Path, tmp_path: Path) -> None:
    """The same code elsewhere is the same image; an edit changes one small layer."""
    repository = _copy_of_repository(tmp_path / "repository")
    original = _build("webhook", out_dir / "copy", repository)
    again = _build("webhook", out_dir / "again", repository)
    assert again.digest == original.digest
    with (repository / "webhook/__init__.py").open("a") as source:
        source.write("\nCHANGED = True\n")
    changed = _build("webhook", out_dir / "changed", repository)
    assert _layers(changed)[:-1] == _layers(original)[:-1]
    assert _layers(changed)[-1] != _layers(original)[-1]


def test_the_same_inputs_give_the_same_bytes(out_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two builds with empty caches agree to the last byte."""
    digests = []
    for number in range(2):
        monkeypatch.setenv("MOORAGE_CACHE", str(tmp_path / f"cache-{number}"))
        digests.append(_build("mount", out_dir / f"fresh-{number}").digest)
    assert digests[0] == digests[1]


def test_a_second_build_writes_nothing(out_dir: Path) -> None:
    """An archive that is there already is left alone, not written again."""
    first = _build("demo-reader", out_dir / "twice")
    written = first.path.stat().st_mtime_ns
    assert _build("demo-reader", out_dir / "twice") == first
    assert first.path.stat().st_mtime_ns == written


def test_one_file_for_all_is_smaller_than_its_parts(out_dir: Path) -> None:
    """What a node imports holds the base once."""
    path, references = bundle(out_dir, lambda _: None, programs=_PROGRAMS, components=["webhook", "scheduler"])
    parts = [_build(name, out_dir).path.stat().st_size for name in ("webhook", "scheduler")]
    assert references == ["docker.io/moorage/webhook:0.1.0", "docker.io/moorage/scheduler:0.1.0"]
    assert path.stat().st_size < 0.6 * sum(parts)


def test_an_unknown_image_is_named(out_dir: Path) -> None:
    """A misspelt component is answered with those that there are."""
    with pytest.raises(DevClusterError, match="no image is called 'webhok'; there are operator, broker, webhook"):
        _build("webhok", out_dir)
