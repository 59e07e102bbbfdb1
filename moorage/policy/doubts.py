"""Probable mistakes in sites and datasets: sites that lie nowhere, names that name nothing. One sentence each."""

from collections.abc import Iterator, Mapping

from moorage.model import Dataset, DatasetRef, Governance
from moorage.policy.places import UNIONS, unknown_places
from moorage.sites import Inventory


def site_problems(inventory: Inventory) -> Iterator[str]:
    """Yield one sentence for each probable mistake in the sites themselves."""
    for site in inventory.sites.values():
        place = site.jurisdiction
        if place in UNIONS:
            yield (
                f"site {site.name} has the jurisdiction {place}, which is a union: it would lie in none of its "
                "countries; name the country"
            )
        elif place is not None and unknown_places([place]):
            yield (
                f"site {site.name} has the jurisdiction {place}, which is neither a country's code nor a "
                "subdivision's: write an ISO 3166 code, such as DE or US-CA"
            )
        for target in sorted(set(site.links) - set(inventory.sites)):
            yield f"site {site.name} names a link to {target}, which is not among the sites: add it, or drop the link"


def dataset_problems(datasets: Mapping[DatasetRef, Dataset], inventory: Inventory) -> Iterator[str]:
    """Yield one sentence for each site or place that datasets name and that does not exist."""
    for ref, dataset in datasets.items():
        for site in sorted({source.site for source in dataset.sources if source.site} - set(inventory.sites)):
            yield f"dataset {ref} has a source at {site}, which is not among the sites: that copy can't be used"
        if not inventory.sources(dataset):
            yield f"dataset {ref} has no usable copy at any of the sites: no task that reads it can be placed"
        rules = [("governance", dataset.governance)]
        rules += [(f"release {release.name}", release.yields) for release in dataset.governance.releases]
        for where, governance in rules:
            yield from _rule_problems(f"{where} of dataset {ref}", governance, inventory)


def _rule_problems(where: str, governance: Governance, inventory: Inventory) -> Iterator[str]:
    for word in unknown_places(governance.residency or ()):
        yield f"the {where} names {word} as residency, which is not a place: write an ISO 3166 code, EU or EEA"
    for key, named in (("allow", governance.sites_allow or ()), ("deny", governance.sites_deny)):
        for site in sorted(set(named) - set(inventory.sites)):
            yield f"the {where} names {site} in sites.{key}, which is not among the sites"
