"""`python -m devcluster.images`: builds images into OCI-layout tars, for `ctr images import`, `podman load`, skopeo."""

import sys
from functools import partial
from pathlib import Path

import click

from devcluster import binaries
from devcluster.images import COMPONENTS, build_all, bundle
from devcluster.progress import Silent
from moorage.errors import MoorageError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("build/images"), show_default=True)
@click.option("--one-file", is_flag=True, help="One tar for all of them: shared layers are in it once.")
def main(components: tuple[str, ...], output: Path, *, one_file: bool) -> None:
    """Build images without a registry or Docker; all of them where no COMPONENT is named."""
    wanted = components or tuple(COMPONENTS)
    programs = partial(binaries.program, progress=Silent())
    try:
        if one_file:
            path, references = bundle(output, _tell, programs=programs, components=wanted)
            click.echo(f"{path}  {' '.join(references)}")
        else:
            for image in build_all(output, _tell, programs=programs, components=wanted):
                click.echo(f"{image.path}  {image.ref}  sha256:{image.digest}")
    except MoorageError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _tell(what: str) -> None:
    click.echo(what, err=True)


if __name__ == "__main__":
    main()
