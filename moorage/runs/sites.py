"""The sites that something leads to, as an annotation lists them. Pure."""

from typing import Final

from moorage.errors import InputError
from moorage.reading.fields import DNS_LABEL
from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION

_MOST_SITES: Final = 64


def read_sites(listed: str, subject: str) -> tuple[str, ...]:
    """Read the sites that the annotation `moorage.dev/sites` names, separated by commas.

    Raises:
        InputError: it names none, too many, or what is no Site's name.
    """
    sites = tuple(dict.fromkeys(part.strip() for part in str(listed).split(",") if part.strip()))
    if not sites or len(sites) > _MOST_SITES or not all(DNS_LABEL.fullmatch(site) for site in sites):
        problem = f"must name the sites of this cluster, separated by commas, at most {_MOST_SITES}"
        raise InputError(subject, f"annotation {CLUSTER_SITES_ANNOTATION}", problem)
    return sites
