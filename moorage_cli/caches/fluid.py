"""`fluid`: a Dataset as the objects of Fluid, for clusters that run it."""

import click
import yaml

from moorage import wire
from moorage.errors import InputError
from moorage.kube import DATASETS, SITES, Client
from moorage.reading.quantity import parse_quantity
from moorage.sites import Inventory
from moorage_cli.caches.fluid_objects import Wanted, fluid_objects
from moorage_cli.caches.warming import read_ref
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.describing import read_sites
from moorage_cli.output import say
from moorage_cli.running import REFUSED

_MOST_WORKERS = 1_000


def _quota(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        size_bytes = int(parse_quantity(value))
    except ValueError:
        raise InputError("--quota", "value", f"must be a quantity such as 200Gi, not {value}") from None
    if size_bytes <= 0:
        raise InputError("--quota", "value", "must be more than nothing")
    return size_bytes


@click.command(short_help="Print a dataset as objects of Fluid.")
@click.argument("name", type=DatasetName(), metavar="[NAMESPACE/]NAME")
@click.option("--site", required=True, help="The site of the cache and of the pods that read it.")
@click.option(
    "--workers", type=click.IntRange(1, _MOST_WORKERS), default=1, show_default=True, help="How many workers cache."
)
@click.option("--quota", callback=_quota, help="Of each worker, as 200Gi [default: what the dataset needs].")
@click.option(
    "--directory",
    default=Wanted(site="").directory,
    show_default=True,
    help="A folder of the nodes for the workers' files.",
)
@click.option("--medium", type=click.Choice(["SSD", "HDD", "MEM"]), default="SSD", show_default=True, help="Its kind.")
@target_options
@click.pass_context
def fluid(  # noqa: PLR0913 - click's way
    context: click.Context,
    /,
    *,
    name: str,
    site: str,
    workers: int,
    quota: int | None,
    directory: str,
    medium: str,
) -> int:
    """Print a Dataset and an AlluxioRuntime of Fluid (data.fluid.io/v1alpha1) that cache a dataset at a site.

    Nothing is applied. Fluid asks no reader who it is, so only data that every pod of the Dataset's namespace may read
    at the site is printed; other data is refused, with the reason. Pods of the namespace then mount the
    PersistentVolumeClaim that Fluid makes, of the Dataset's name. docs/caches.md says what Fluid does not keep to.

    Exit code 0: printed. 1: refused.

    \b
    kubectl dataset fluid flights -n stewards --site us-1 --workers 3 | kubectl apply -f -
    """  # noqa: D301 - \b is what click needs
    if not directory.startswith("/"):
        raise InputError("--directory", "value", f"must be an absolute path, not {directory}")
    wanted = Wanted(site=site, workers=workers, quota_bytes=quota, directory=directory, medium=medium)

    async def ask(client: Client, namespace: str) -> int:
        ref = read_ref(name, namespace)
        dataset = wire.read_dataset(await client.get(DATASETS, ref.name, ref.namespace))
        inventory = Inventory.of(read_sites(await client.list(SITES)))
        made = fluid_objects(dataset, inventory, wanted)
        if isinstance(made, str):
            say(made, err=True)
            return REFUSED
        say(yaml.safe_dump_all(made, sort_keys=False, allow_unicode=True).rstrip("\n"))
        return 0

    return target_of(context).ask(ask)
