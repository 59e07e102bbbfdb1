"""The site inventory: which site a node belongs to, what lies between two sites, where a dataset's copies are.

Pure. Links: bytes per second, seconds, currency per GB (1e9 bytes).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from moorage.errors import InputError
from moorage.model import CONFIDENTIAL_NODE_LABEL, Dataset, Link, Node, Site, Source

DEFAULT_BYTES_PER_SECOND = 125e6
DEFAULT_LATENCY_SECONDS = 0.05
DEFAULT_PRICE_PER_GB = 0.02
DIVERGED = "Diverged"
"""The reason, in a source's status, of a copy that differs from the first one and is not used."""


@dataclass(frozen=True, slots=True)
class ResolvedLink:
    """The way from one site to another, every field filled in."""

    bytes_per_second: float
    latency_seconds: float
    price_per_gb: float

    def seconds(self, size_bytes: float) -> float:
        """Return the seconds that `size_bytes` take."""
        return self.latency_seconds + size_bytes / self.bytes_per_second


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a reader: a site, or the reason why it is at none.

    `confidential_node` says whether the node offers confidential compute; None where no single node is asked about.
    """

    site_name: str | None
    site: Site | None
    problem: str = ""
    confidential_node: bool | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """All sites, by name."""

    sites: Mapping[str, Site] = field(default_factory=dict)

    @classmethod
    def of(cls, sites: Iterable[Site]) -> "Inventory":
        """Return the inventory of `sites`."""
        return cls({site.name: site for site in sites})

    def currency(self, hinted: str = "") -> str:
        """Return the one currency of all prices, as sites or a hint name it; "" where nobody does.

        Raises:
            InputError: two are named.
        """
        named = [(f"Site {site.name}", site.currency) for site in self.sites.values() if site.currency]
        if hinted:
            named.append(("hints", hinted))
        for who, currency in named[1:]:
            if currency != named[0][1]:
                raise InputError(
                    who,
                    "defaults.currency" if who == "hints" else "spec.currency",
                    f"is {currency}, and {named[0][0]} says {named[0][1]}: a plan adds prices up, so write all of them "
                    "in one currency",
                )
        return named[0][1] if named else ""

    def place(self, site_name: str) -> Place:
        """Return the place of a site by its name."""
        site = self.sites.get(site_name)
        if site is not None:
            return Place(site_name, site)
        known = ", ".join(sorted(self.sites)) or "none"
        return Place(site_name, None, f"site {site_name} is not known (known sites: {known}): create the Site")

    def place_of_node(self, node: Node) -> Place:
        """Return the place of a node: the one site whose `nodeSelector` matches its labels; two permit nothing."""
        matching = sorted(
            site.name
            for site in self.sites.values()
            if site.node_selector and _selects(site.node_selector, node.labels)
        )
        if len(matching) == 1:
            offers = node.labels.get(CONFIDENTIAL_NODE_LABEL) == "true"
            return Place(matching[0], self.sites[matching[0]], confidential_node=offers)
        if matching:
            return Place(
                None,
                None,
                f"the node belongs to {len(matching)} sites ({', '.join(matching)}): make nodeSelectors exclusive",
            )
        return Place(None, None, "the node belongs to no site: label it so that a Site's nodeSelector matches")

    def link(self, origin: str, target: str) -> ResolvedLink:
        """Return the link from `origin` to `target`, field by field from `links`, `defaultLink`, the constants."""
        site = self.sites.get(origin)
        named = site.links.get(target, Link()) if site else Link()
        default = site.default_link if site else Link()
        return ResolvedLink(
            _first(named.bytes_per_second, default.bytes_per_second, DEFAULT_BYTES_PER_SECOND),
            _first(named.latency_seconds, default.latency_seconds, DEFAULT_LATENCY_SECONDS),
            _first(named.price_per_gb, default.price_per_gb, DEFAULT_PRICE_PER_GB),
        )

    def sources(self, dataset: Dataset) -> tuple[Source, ...]:
        """Return the usable copies: at listed sites, not diverged; `spec.local` lies at the only site there is."""
        diverged = {status.site for status in dataset.status.sources if status.reason == DIVERGED}
        found = []
        for source in dataset.sources:
            site = source.site or (next(iter(self.sites)) if len(self.sites) == 1 else "")
            if site in self.sites and site not in diverged:
                found.append(source if source.site else Source(site, source.location))
        return tuple(found)


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether the labels match the selector; an empty one matches nothing."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
