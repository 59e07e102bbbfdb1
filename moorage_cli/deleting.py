"""`delete`: Datasets, never data."""

import click

from moorage.kube import DATASETS, Client
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_options
from moorage_cli.many import delete_each

DELETE_IN_USE = "moorage.dev/delete-in-use"


@click.command(short_help="Delete Datasets, never data.")
@click.argument("names", type=DatasetName(), nargs=-1, required=True, metavar="NAME...")
@click.option("--in-use", is_flag=True, help="Delete them even if pods use the data; the pods keep it until they end.")
@target_options
@click.pass_context
def delete(context: click.Context, *, names: tuple[str, ...], in_use: bool) -> int:
    """Delete Datasets. The data that they name is never touched.

    A Dataset that pods use is not deleted, and the message names the pods; --in-use deletes it anyway.

    \b
    kubectl dataset delete claims -n steward
    """  # noqa: D301 - \b is what click needs

    async def remove(client: Client, namespace: str, name: str) -> None:
        if in_use:
            about = {"name": name, "namespace": namespace, "annotations": {DELETE_IN_USE: "true"}}
            await client.merge_patch(DATASETS, {"metadata": about})
        await client.delete(DATASETS, name, namespace)

    return delete_each(context, names, remove, lambda name: f"dataset.moorage.dev/{name} deleted")
