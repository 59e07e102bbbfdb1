"""`moorage sites rights` and `moorage sites join`: how a hub reaches a site's cluster, and what it may do there."""

import base64
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import yaml

from moorage.errors import InputError
from moorage.kube import SERVICE_ACCOUNTS, Client
from moorage.kube.connection import find_config
from moorage.model import SYSTEM_NAMESPACE
from moorage.reading.fields import DNS_LABEL
from moorage.runs.pipelines import CLUSTER_SECRET_TYPE, CLUSTER_SITES_ANNOTATION
from moorage.runs.rights import HUB_ACCOUNT, hub_rights, work_agent_rights
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import document, listed, say

_CLUSTER = "spoke"
_DAY_SECONDS = 86_400
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@click.command(short_help="Print the rights that a hub needs in a site's cluster.")
@click.option(
    "--run-namespace",
    "namespaces",
    multiple=True,
    help="A namespace in which the hub may create groups; repeatable [default: all].",
)
@click.option("--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Moorage's namespace there.")
@click.option("--ocm", is_flag=True, help="For a cluster that the hub reaches through Open Cluster Management.")
def rights(*, namespaces: tuple[str, ...], system_namespace: str, ocm: bool) -> None:
    """Print the account and permissions that a hub needs in a site's cluster.

    Apply it in the site's cluster, then run `moorage sites join`. With --ocm, these are permissions for Open Cluster
    Management's work agent; the hub needs no account there, and you don't run `join`.

    \b
    moorage sites rights | kubectl --context eu-1 apply -f -
    moorage sites rights --run-namespace fraud | kubectl --context eu-1 apply -f -
    moorage sites rights --ocm | kubectl --context eu-1 apply -f -
    """  # noqa: D301 - \b is what click needs
    made = work_agent_rights if ocm else hub_rights
    document(listed(made(system_namespace, run_namespaces=namespaces or None)), "yaml")


@click.command(short_help="Print the Secret by which a hub reaches a cluster.")
@click.argument("sites", nargs=-1, required=True, metavar="SITE...")
@click.option("--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Moorage's namespace.")
@click.option("--server", help="The API server's URL as the hub reaches it [default: the kubeconfig's].")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="How long the token should be valid; many API servers issue a shorter one.",
)
@target_options
@click.pass_context
def join(
    context: click.Context, *, sites: tuple[str, ...], system_namespace: str, server: str | None, days: int
) -> None:
    """Print the Secret with which a hub reaches these sites' cluster. It holds a token: apply it, don't store it.

    --context names the site's cluster, where `moorage sites rights` was applied. The token is that account's.

    \b
    moorage sites join eu-1 --context eu-1 | kubectl --context hub apply -f -
    """  # noqa: D301 - \b is what click needs
    for site in sites:
        if not DNS_LABEL.fullmatch(site):
            raise InputError("SITE", site, "is no Site's name: lower-case letters, digits and '-'")
    target = target_of(context)

    async def ask(client: Client, _: str) -> dict[str, Any]:
        return await _token(client, system_namespace, days * _DAY_SECONDS)

    answer = target.ask(ask)
    status = answer["status"]
    cluster = _cluster(target.kubeconfig, target.context, server)
    document(cluster_secret(sites, system_namespace, cluster, str(status["token"])), "yaml")
    until = datetime.fromisoformat(status["expirationTimestamp"])
    say(f"The token is valid until {until:%Y-%m-%d %H:%M} UTC: join again before then.", err=True)


async def _token(client: Client, namespace: str, seconds: int) -> dict[str, Any]:
    """A TokenRequest of the hub's account, answered.

    Raises:
        NotFoundError: the account is not there.
    """
    return await client.request(
        "POST",
        SERVICE_ACCOUNTS.path(namespace, HUB_ACCOUNT, "token"),
        action=f"ask for a token of {SERVICE_ACCOUNTS.describe(namespace, HUB_ACCOUNT)} (apply `moorage sites rights`)",
        body={
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": HUB_ACCOUNT, "namespace": namespace},
            "spec": {"expirationSeconds": seconds},
        },
    )


def _cluster(kubeconfig: Path | None, context: str | None, server: str | None) -> dict[str, Any]:
    """The cluster's entry of a kubeconfig: where it is, and who signed its certificate."""
    config = find_config(kubeconfig, context)
    found = config.cluster
    authority = found.certificate_auth_data
    if authority is None and found.certificate_auth:
        path = config.abs_file(found.certificate_auth)
        authority = base64.b64encode(Path(path).read_bytes()).decode()
    if authority is None:
        problem = "names no certificate-authority: without one anybody could pose as the cluster"
        raise InputError("kubeconfig", f"context {context or 'current-context'}", problem)
    return {"server": server or found.server, "certificate-authority-data": authority}


def cluster_secret(sites: tuple[str, ...], namespace: str, cluster: dict[str, Any], token: str) -> dict[str, Any]:
    """The Secret by which a hub finds the cluster. Pure."""
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _CLUSTER,
        "clusters": [{"name": _CLUSTER, "cluster": cluster}],
        "users": [{"name": HUB_ACCOUNT, "user": {"token": token}}],
        "contexts": [{"name": _CLUSTER, "context": {"cluster": _CLUSTER, "user": HUB_ACCOUNT}}],
    }
    text = yaml.safe_dump(kubeconfig, sort_keys=False)
    name = "cluster-" + _NOT_IN_NAMES.sub("-", "-".join(sites))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name[:253],
            "namespace": namespace,
            "annotations": {CLUSTER_SITES_ANNOTATION: ",".join(sites)},
        },
        "type": CLUSTER_SECRET_TYPE,
        "data": {"kubeconfig": base64.b64encode(text.encode()).decode()},
    }
