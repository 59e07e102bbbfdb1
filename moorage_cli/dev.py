"""`moorage dev`: a real Kubernetes on this machine, up and down."""

import json
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from devcluster import cluster, record
from devcluster.progress import Terminal
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError, InputError
from moorage_cli.output import say

_NAME = click.option("--name", default="dev", show_default=True, help="The cluster's name; there can be several.")


@click.group()
def dev() -> None:
    """Run a real Kubernetes on this machine, as plain processes."""


@dev.command()
@_NAME
@click.option(
    "--sites",
    default="eu-1=2,us-1=1",
    show_default=True,
    help="Sites with their number of real nodes; a site without a number gets --nodes.",
)
@click.option("--nodes", default=1, show_default=True, help="Real nodes at each site without a number.")
@click.option("--fake-nodes", default=0, show_default=True, help="Nodes that kwok simulates, spread over the sites.")
@click.option(
    "--object-store",
    "object_stores",
    multiple=True,
    metavar="SITE",
    help="Give this site an S3 server; repeat it for more.",
)
@click.option(
    "--bin-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="MOORAGE_BIN_DIR",
    show_envvar=True,
    help="Take executables from here before the cache, a download or a build.",
)
def up(  # noqa: PLR0913 - one per option
    *, name: str, sites: str, nodes: int, fake_nodes: int, object_stores: tuple[str, ...], bin_dir: Path | None
) -> None:
    """Start a cluster."""
    spec = ClusterSpec(name, read_sites(sites, nodes), fake_nodes, object_stores)
    console = Console(stderr=True)
    made = cluster.up(spec, Terminal(console), bin_dir=bin_dir)
    console.print(f"Cluster [bold]{name}[/bold] is up. To use it in this shell:")
    console.print(f'  eval "$(moorage dev env --name {name})"', highlight=False)
    for store in made.object_stores.values():
        console.print(f"Object store of {store.site}: {store.endpoint}", highlight=False)


@dev.command()
@_NAME
@click.option("--all", "every", is_flag=True, help="Every cluster on this machine.")
def down(name: str, *, every: bool) -> None:
    """Remove a cluster with all its processes, mounts, namespaces, control groups, links and files."""
    console = Console(stderr=True)
    for each in record.names() if every else [name]:
        if not cluster.down(each, Terminal(console)):
            console.print(f"There is no cluster {each}.", highlight=False)


@dev.command()
@click.option("--name", default=None, help="Only this cluster; default: all.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def status(name: str | None, output: str) -> None:
    """Show which clusters and components run."""
    found = [cluster.status(each) for each in ([name] if name else record.names())]
    if output == "json":
        listed = [
            {"name": each.name, "apiServer": each.api_server, "components": each.components, "nodes": each.nodes}
            for each in found
        ]
        say(json.dumps(listed, indent=2))
        return
    table = Table("CLUSTER", "RUNNING", box=None)
    for heading in ("API SERVER", "NODES"):
        table.add_column(heading, no_wrap=True)
    table.add_column("STOPPED")
    for each in found:
        stopped = ", ".join(component for component, runs in each.components.items() if not runs)
        ready = f"{sum(each.nodes.values())}/{each.expected_nodes} Ready"
        table.add_row(each.name, "yes" if each.running else "no", each.api_server, ready, stopped or "-")
    Console().print(table)


@dev.command()
@_NAME
def env(name: str) -> None:
    """Print the variables for a shell: KUBECONFIG, and a PATH with this cluster's kubectl and our plugin."""
    found = cluster.find(name)
    plugins = Path(sys.executable).parent
    say(f"export KUBECONFIG={shlex.quote(str(found.kubeconfig_path))}")
    say(f'export PATH={shlex.quote(str(found.bin_dir))}:{shlex.quote(str(plugins))}:"$PATH"')


@dev.command()
@_NAME
@click.option("--site", default=None, help="The site of the S3 server, if there are several.")
def store(name: str, site: str | None) -> None:
    """Print the S3 server's endpoint and keys as variables, for aws, boto3 and rclone (`:s3:BUCKET`)."""
    stores = cluster.find(name).object_stores
    if not stores:
        message = f"cluster {name} has no S3 server: bring it up with --object-store SITE"
        raise DevClusterError(message)
    if (site is None and len(stores) > 1) or (site is not None and site not in stores):
        message = f"--site: name one of {', '.join(stores)}"
        raise DevClusterError(message)
    found = stores[site] if site is not None else next(iter(stores.values()))
    for variable, value in {
        "AWS_ENDPOINT_URL_S3": found.endpoint,
        "AWS_REGION": found.region,
        "AWS_ACCESS_KEY_ID": found.access_key,
        "AWS_SECRET_ACCESS_KEY": found.secret_key,
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENV_AUTH": "true",
        "RCLONE_S3_ENDPOINT": found.endpoint,
        "RCLONE_S3_REGION": found.region,
    }.items():
        say(f"export {variable}={shlex.quote(value)}")


def read_sites(text: str, default: int) -> dict[str, int]:
    """Read `eu-1=2,us-1` as sites and their numbers of nodes.

    Raises:
        InputError: a site is named twice, or a number is none.
    """
    sites: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, count = part.partition("=")
        if name in sites or (equals and not count.isdigit()):
            raise InputError("--sites", text, "name each site once, with a number or none, for example eu-1=2,us-1")
        sites[name] = int(count) if equals else default
    return sites
