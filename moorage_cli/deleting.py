"""`delete`: Datasets, never data."""

import click

from moorage.errors import KubeError
from moorage.kube import DATASETS, Client
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import say
from moorage_cli.running import REFUSED

DELETE_IN_USE = "moorage.dev/delete-in-use"


@click.command(short_help="Delete Datasets; the data stays.")
@click.argument("names", type=DatasetName(), nargs=-1, required=True, metavar="NAME...")
@click.option("--in-use", is_flag=True, help="Also where pods hold the data; they keep it until they end.")
@target_options
@click.pass_context
def delete(context: click.Context, *, names: tuple[str, ...], in_use: bool) -> int:
    """Delete Datasets. The data that they name is never touched.

    A Dataset whose data pods hold is refused, and the message names them; --in-use deletes it all the same.

    \b
    kubectl dataset delete claims -n steward
    """  # noqa: D301 - \b is what click needs

    async def remove(client: Client, namespace: str) -> int:
        failed = 0
        for name in names:
            try:
                if in_use:
                    about = {"name": name, "namespace": namespace, "annotations": {DELETE_IN_USE: "true"}}
                    await client.merge_patch(DATASETS, {"metadata": about})
                await client.delete(DATASETS, name, namespace)
            except KubeError as error:
                if len(names) == 1:
                    raise
                failed += 1
                say(f"Error: {error}", err=True)
            else:
                say(f"dataset.moorage.dev/{name} deleted")
        return failed

    return REFUSED if target_of(context).ask(remove) else 0
