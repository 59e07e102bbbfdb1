"""`moorage sites check`: what a file of sites says with defaults filled in, and what in it is probably a mistake."""

from collections.abc import Iterator, Mapping
from itertools import combinations, permutations
from pathlib import Path

import click

from moorage.model import Dataset, Link, Site
from moorage.objectives import format_bytes
from moorage.policy.doubts import dataset_problems, site_problems
from moorage.sites import Inventory
from moorage.wire import format_memory
from moorage.wire.numbers import write_number
from moorage_cli import output
from moorage_cli.output import say
from moorage_cli.plan.files import read_documents
from moorage_cli.running import REFUSED
from pipeline_splitter.inputs import read_datasets, read_sites

_FILE = click.Path(path_type=Path, allow_dash=True)
_LINK_FIELDS = ("bytes_per_second", "latency_seconds", "price_per_gb")


@click.command("check", short_help="Check a file of Sites.")
@click.argument("file", type=_FILE)
@click.option("--datasets", "datasets_file", type=_FILE, help="Also check that the datasets' sites exist.")
def check(file: Path, datasets_file: Path | None) -> int:
    """Check the sites in FILE, and show the values that a plan would use.

    Exit code 1 means that there are problems; 2 means that a file can't be read.

    \b
    moorage sites check sites.yaml --datasets datasets.yaml
    kubectl get sites.moorage.dev -o yaml | moorage sites check -
    """  # noqa: D301 - \b is what click needs
    inventory = read_sites(read_documents(file, "FILE"), str(file))
    datasets = read_datasets(read_documents(datasets_file, "--datasets"), str(datasets_file)) if datasets_file else {}
    sites = list(inventory.sites.values())
    currency = inventory.currency()
    output.table(_SITE_HEADER, [_site_row(site, currency) for site in sites])
    if len(sites) > 1:
        say()
        output.table(_LINK_HEADER, [_link_row(inventory, *pair, currency) for pair in permutations(sites, 2)])
    if datasets:
        say()
        output.table(["DATASET", "COPIES", "SIZE"], [_dataset_row(each, inventory) for each in datasets.values()])
    found = [*site_problems(inventory), *dataset_problems(datasets, inventory)]
    remarks = list(link_remarks(inventory))
    if found or remarks:
        say()
    for problem in found:
        output.sentence(f"problem: {problem}")
    for remark in remarks:
        output.sentence(f"note: {remark}")
    return REFUSED if found else 0


_SITE_HEADER = (
    *("SITE", "JURISDICTION", "CLEARANCE", "CONFIDENTIAL", "SPEED", "CPU-HOUR", "G/KWH", "WATTS"),
    *("SLOTS", "QUOTA", "LARGEST NODE"),
)
_LINK_HEADER = ("FROM", "TO", "SPEED", "LATENCY", "PER GB", "SET BY")


def _price(price: float, currency: str) -> str:
    return f"{write_number(price)} {currency}".rstrip()


def _site_row(site: Site, currency: str) -> list[str]:
    resources = site.resources
    return [
        site.name,
        site.jurisdiction or output.MISSING,
        site.clearance.word,
        "yes" if site.confidential_compute else "no",
        write_number(site.speed),
        _price(site.cpu_hour_price, currency),
        write_number(site.carbon_grams_per_kwh),
        write_number(site.cpu_watts),
        "unlimited" if site.slots is None else str(site.slots),
        "unlimited" if site.quota_cpu_hours is None else f"{write_number(site.quota_cpu_hours)} h",
        "anything fits" if resources is None else _largest_node(resources),
    ]


def _largest_node(resources: Mapping[str, float]) -> str:
    def shown(name: str, amount: float) -> str:
        return format_memory(int(amount)) if name == "memory" else write_number(amount)

    return ", ".join(f"{name} {shown(name, resources[name])}" for name in sorted(resources)) or "nothing"


def _link_row(inventory: Inventory, origin: Site, target: Site, currency: str) -> list[str]:
    link = inventory.link(origin.name, target.name)
    named = origin.links.get(target.name, Link())
    said_by = {
        "links"
        if getattr(named, field) is not None
        else "defaultLink"
        if getattr(origin.default_link, field) is not None
        else "built in"
        for field in _LINK_FIELDS
    }
    return [
        origin.name,
        target.name,
        f"{link.bytes_per_second / 1e6:g} MB/s",
        f"{write_number(link.latency_seconds)} s",
        _price(link.price_per_gb, currency),
        ", ".join(word for word in ("links", "defaultLink", "built in") if word in said_by),
    ]


def _dataset_row(dataset: Dataset, inventory: Inventory) -> list[str]:
    copies = ", ".join(sorted(source.site for source in inventory.sources(dataset)))
    size = dataset.status.size_bytes
    return [str(dataset.ref), copies or "none", "unknown" if size is None else format_bytes(size)]


def link_remarks(inventory: Inventory) -> Iterator[str]:
    """What may well be meant, but is often forgotten."""
    for site in inventory.sites.values():
        if site.jurisdiction is None:
            yield f"site {site.name} has no jurisdiction: data with a residency may not go there"
    for one, other in combinations(inventory.sites.values(), 2):
        if _is_said(one, other) != _is_said(other, one):
            origin, target = (one, other) if _is_said(one, other) else (other, one)
            yield (
                f"site {origin.name} describes its link to {target.name}, which says nothing of the way back: built-in "
                "values hold there"
            )
        elif inventory.link(one.name, other.name) != inventory.link(other.name, one.name):
            yield f"the links between {one.name} and {other.name} differ by direction"


def _is_said(origin: Site, target: Site) -> bool:
    return target.name in origin.links or origin.default_link != Link()
