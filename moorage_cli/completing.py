"""Completion: the script for a shell, and the names that only the cluster knows."""

from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from moorage.errors import MoorageError
from moorage.kube import DATASETS, PODS, Client, RawObject, Resource
from moorage.kube.client import Selection
from moorage_cli.connecting import target_of

_HOW = {
    "bash": "moorage completion bash > /etc/bash_completion.d/moorage",
    "zsh": 'moorage completion zsh > "${fpath[1]}/_moorage"',
    "fish": "moorage completion fish > ~/.config/fish/completions/moorage.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_HOW)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    moorage completion bash > /etc/bash_completion.d/moorage
    moorage completion zsh > "${fpath[1]}/_moorage"
    moorage completion fish > ~/.config/fish/completions/moorage.fish

    `kubectl dataset` needs none: kubectl's own completion asks kubectl_complete-dataset, which
    lies beside kubectl-dataset.
    """  # noqa: D301 - \b is what click needs
    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(maker(context.find_root().command, {}, "moorage", "_MOORAGE_COMPLETE").source())


class DatasetName(click.ParamType[str]):
    """The name of a Dataset, completed from the cluster."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The names in the namespace that was given."""
        return _items(_names(ctx, DATASETS), incomplete)


class SubjectName(click.ParamType[str]):
    """`pod/NAME`, `dataset/NAME`, `deploy/NAME` or a name; pods and Datasets are completed from the cluster."""

    name = "[kind/]name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The pods and Datasets in the namespace that was given."""
        pods = [f"pod/{name}" for name in _names(ctx, PODS)]
        datasets = [f"dataset/{name}" for name in _names(ctx, DATASETS)]
        return _items([*pods, *datasets], incomplete)


def _items(names: list[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _names(context: click.Context, resource: Resource) -> list[str]:
    """The names in the cluster; none where it can't be asked: completion is no place for errors."""

    async def ask(client: Client, namespace: str) -> list[RawObject]:
        return await client.list(resource, Selection(namespace=namespace))

    try:
        found: list[dict[str, Any]] = target_of(context).ask(ask)
    except MoorageError:
        return []
    return [item["metadata"]["name"] for item in found]
