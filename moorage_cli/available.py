"""`available`: the Datasets that a service account may read, in all namespaces, without any right to list them."""

from typing import Any

import click

from moorage.errors import KubeError
from moorage.kube import Client
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import document, output_option, say, sentence, table
from moorage_cli.reviewing import create_review
from moorage_cli.sentences import words

Entry = dict[str, Any]


@click.command("available")
@click.option("--service-account", default="default", show_default=True, help="The reader's service account.")
@click.option("--purpose", help="The reader's purpose, as in the label moorage.dev/purpose.")
@output_option("table", "json", "yaml", "name")
@target_options
@click.pass_context
def available(context: click.Context, *, service_account: str, purpose: str | None, output: str) -> int:
    """Show the Datasets that pods of your namespace may read, whoever owns them.

    You don't need permission to list Datasets: Moorage answers as it would answer a pod. Exit code 1 if there is none.

    \b
    kubectl dataset available -n fraud
    kubectl dataset available -n fraud --purpose research
    kubectl dataset why stewards/claims -n fraud      # about one of them, Site by Site
    """  # noqa: D301 - \b is what click needs
    found, namespace = target_of(context).ask(lambda client, own: _ask(client, own, service_account, purpose))
    if output in {"json", "yaml"}:
        document({"datasets": found}, output)
    elif output == "name":
        for entry in found:
            if entry.get("sites"):
                say(f"{entry['namespace']}/{entry['name']}")
    elif not found:
        say(
            f"No Dataset admits account {namespace}/{service_account}: ask a steward to add it to "
            "spec.governance.consumers.",
            err=True,
        )
    else:
        _tell(found)
    return 0 if any(entry.get("sites") for entry in found) else 1


async def _ask(client: Client, namespace: str, service_account: str, purpose: str | None) -> tuple[list[Entry], str]:
    """Page by page.

    Raises:
        KubeError: the person may not ask, or Moorage does not answer.
    """
    found: list[Entry] = []
    after: str | None = None
    while True:
        spec = {"serviceAccount": service_account, "purpose": purpose, "after": after}
        status = await create_review(client, namespace, {key: value for key, value in spec.items() if value})
        if "datasets" not in status:
            raise KubeError("Moorage does not know this question: is its webhook, or its CRD, of an older version?")
        found += status["datasets"]
        before, after = after, status.get("after")
        if after is None or after == before:
            return found, namespace


def _tell(found: list[Entry]) -> None:
    rows = [[entry["namespace"], entry["name"], where(entry)] for entry in found]
    table(["NAMESPACE", "NAME", "MAY BE READ AT"], rows)
    refused: dict[str, list[str]] = {}
    for entry in found:
        if entry.get("message"):
            refused.setdefault(entry["message"], []).append(f"{entry['namespace']}/{entry['name']}")
    if refused:
        say()
    for message, names in refused.items():
        sentence(f"{words(names)}: {message}.")


def where(entry: Entry) -> str:
    """Sites; those that were not asked about are counted, for `why` to tell of them."""
    named = ", ".join(entry.get("sites") or ()) or f"nowhere: {entry.get('rule')}"
    return f"{named} ({entry['more']} more Sites: see why)" if entry.get("more") else named
