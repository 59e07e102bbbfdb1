"""`python -m devcluster.images`: builds images into OCI-layout tars, and pushes or loads them."""

import sys
from functools import partial
from pathlib import Path

import click

from devcluster import binaries, cluster
from devcluster.images import COMPONENTS, ImageFile, build_all, bundle
from devcluster.images.delivery import LOADERS, load, push
from devcluster.progress import Silent
from moorage.errors import MoorageError

# The development cluster's own are no part of an installation.
_INSTALLED = tuple(name for name in COMPONENTS if name not in {"demo-reader", "pause"})
_DEV = "dev"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("build/images"), show_default=True)
@click.option("--one-file", is_flag=True, help="Write one tar for all images, with each shared layer once.")
@click.option("--push", "registry", metavar="REGISTRY", help="Push them to this registry and folder.")
@click.option("--load", "tool", type=click.Choice([_DEV, *LOADERS]), help="Load them into a cluster made by this tool.")
@click.option("--cluster", "name", default="", help="The cluster's name; default: the tool's own default.")
def main(  # noqa: PLR0913 - one per option
    components: tuple[str, ...], output: Path, registry: str | None, tool: str | None, name: str, *, one_file: bool
) -> None:
    """Build images without Docker: all that an installation needs, or only the named COMPONENTs.

    \b
    python -m devcluster.images --push registry.example.com/moorage
    python -m devcluster.images --load kind --cluster kind
    python -m devcluster.images --load dev --cluster dev      # a cluster of `moorage dev up`
    """  # noqa: D301 - \b is what click needs
    wanted = components or _INSTALLED
    programs = partial(binaries.program, progress=Silent())
    try:
        if one_file or tool == _DEV:
            path, references = bundle(output, _tell, programs=programs, components=wanted)
            click.echo(f"{path}  {' '.join(references)}")
            if tool == _DEV:
                _tell(f"loading them into every node of {name or _DEV}")
                cluster.load_image(cluster.find(name or _DEV), path)
            return
        images = build_all(output, _tell, programs=programs, components=wanted)
        _deliver(images, registry, tool, name)
    except MoorageError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _deliver(images: list[ImageFile], registry: str | None, tool: str | None, name: str) -> None:
    for image in images:
        click.echo(f"{image.path}  {image.ref}  sha256:{image.digest}")
    if tool is not None:
        load(images, tool, name, _tell)
    if registry is not None:
        for reference in push(images, registry, binaries.program("crane", Silent()), _tell):
            click.echo(reference)
        _tell(f"install with: --set images.registry={registry.rstrip('/')}")


def _tell(what: str) -> None:
    click.echo(what, err=True)


if __name__ == "__main__":
    main()
