"""What commands do with many objects of a kind: list them in a form, delete them one after the other."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import click

from moorage.errors import KubeError
from moorage.kube import Client, RawObject, Resource
from moorage.kube.client import Selection
from moorage_cli.connecting import target_of
from moorage_cli.output import document, listed, say, table
from moorage_cli.running import REFUSED


def show_all(  # noqa: PLR0913 - a table says that much
    context: click.Context,
    resource: Resource,
    output: str,
    header: Sequence[str],
    row: Callable[[RawObject, datetime], Sequence[str]],
    *,
    all_namespaces: bool,
    called: str,
) -> None:
    """Print the objects of a kind, of one namespace or of all.

    Args:
        context: of the command, with its target.
        resource: the kind.
        output: table, json, yaml or name.
        header: of the table, without the namespace.
        row: an object in the table, its namespace first.
        all_namespaces: else the command's own.
        called: the plural that people use, as `runs`.
    """

    async def gather(client: Client, own: str) -> tuple[list[RawObject], str]:
        namespace = "" if all_namespaces else own
        return await client.list(resource, Selection(namespace=namespace)), namespace

    items, namespace = target_of(context).ask(gather)
    if output in {"json", "yaml"}:
        document(listed(items), output)
    elif output == "name":
        for item in items:
            say(f"{named(resource)}/{item['metadata']['name']}")
    elif not items:
        say(f"No {called} {f'in namespace {namespace}' if namespace else 'in any namespace'}.", err=True)
    else:
        start = 0 if all_namespaces else 1
        now = datetime.now(tz=UTC)
        table(["NAMESPACE", *header][start:], [row(item, now)[start:] for item in items])


def delete_each(
    context: click.Context,
    names: Sequence[str],
    delete: Callable[[Client, str, str], Awaitable[None]],
    said: Callable[[str], str],
) -> int:
    """Delete objects one after the other; one that can't be deleted is told, and the others go all the same.

    Args:
        context: of the command, with its target.
        names: of the objects.
        delete: one of them, by namespace and name.
        said: what to say of one that is deleted.

    Returns:
        The exit code.
    """

    async def remove(client: Client, namespace: str) -> int:
        failed = 0
        for name in names:
            try:
                await delete(client, namespace, name)
            except KubeError as error:
                if len(names) == 1:
                    raise
                failed += 1
                say(f"Error: {error}", err=True)
            else:
                say(said(name))
        return failed

    return REFUSED if target_of(context).ask(remove) else 0


def named(resource: Resource) -> str:
    """The kind as kubectl prints it before a name: `stretchedpipeline.moorage.dev`."""
    return f"{resource.kind.lower()}.{resource.group}"
