"""`moorage kedro compile`: a Kedro project's pipeline as a Kubeflow pipeline, for `moorage plan` and `moorage run`."""

import importlib.util
from pathlib import Path

import click
import yaml

from moorage.errors import InputError
from moorage_cli.output import say


@click.command("compile")
@click.argument("project", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--image", required=True, help="Image that holds the project, Kedro and Moorage, and has python.")
@click.option("--pipeline", default="__default__", show_default=True, help="Its registered name.")
@click.option("--env", default="", help="Kedro's configuration environment.")
@click.option("--project-path", default=".", show_default=True, help="The path of the project in the image.")
@click.option("--purpose", default="", help="The purpose for governed datasets: moorage.dev/purpose.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
def compile_project(  # noqa: PLR0913, PLR0917 - an option each
    project: Path, image: str, pipeline: str, env: str, project_path: str, purpose: str, output: Path
) -> None:
    """Compile a Kedro 1.x pipeline to a Kubeflow pipeline: each node a task.

    PROJECT is the folder of the project. It is imported, as `kedro run` does.

    \b
    moorage kedro compile . --image registry.example.com/flights:1 -o pipeline.yaml
    moorage plan pipeline.yaml --sites sites.yaml --datasets datasets.yaml -o plan
    """  # noqa: D301 - \b is what click needs
    if importlib.util.find_spec("kedro") is None:
        raise InputError("moorage", "kedro compile", "needs Kedro beside it: install Moorage where the project is")
    from moorage.kedro.compiling import Container, compiled  # noqa: PLC0415 - where there is Kedro
    from moorage.kedro.projects import read_project  # noqa: PLC0415

    documents = compiled(read_project(project, pipeline, env), Container(image, project_path, env, purpose))
    try:
        output.write_text(yaml.safe_dump_all(documents, sort_keys=True))
    except OSError as error:
        raise InputError(str(output), "-o", f"can't be written: {error.strerror}") from None
    say(f"{output}: {len(documents[0]['root']['dag']['tasks'])} tasks")
