"""Sites, and what lies between them."""

from collections.abc import Mapping, Sequence

from moorage.model import Site
from moorage.objectives import BYTES
from moorage.objectives.units import TIGHT, plain
from moorage.sites import Inventory
from moorage_ui.markup import Content, Markup, element
from moorage_ui.pages.words import ABSENT, count, head, note, site_label, table

_SITES = (
    ("Site", ""),
    ("Lies in", ""),
    ("Cleared for", ""),
    ("CPU hour", "number"),
    ("Carbon", "number"),
    ("Speed", "number"),
    ("Slots", "number"),
    ("Runs pipelines", "why"),
)
_MOST_IN_MATRIX = 24


def sites_content(
    inventory: Inventory, numbers: Mapping[str, int], unread: Sequence[str], problem: str
) -> list[Content]:
    """Return the page's content.

    Args:
        inventory: the Sites that can be read.
        numbers: the colour of each.
        unread: what is wrong with the others.
        problem: why none can be seen; "" where they can.
    """
    names = sorted(inventory.sites)
    places = {site.jurisdiction for site in inventory.sites.values() if site.jurisdiction}
    title = "Nothing to see" if problem else f"{count(len(names), 'site')} in {count(len(places), 'jurisdiction')}"
    told: list[Content] = [
        element("section", element("p", "Sites", class_="eyebrow"), element("h1", title), class_="top"),
        note(problem) if problem else None,
        *(note(each, tone="bad") for each in unread[:10]),
    ]
    if names:
        rows = [_site(inventory.sites[name], numbers) for name in names]
        told.append(element("div", table(_SITES, rows, caption="Sites"), class_="card list"))
    if 1 < len(names) <= _MOST_IN_MATRIX:
        told.append(
            element(
                "section",
                head("Links", element("p", "from the site on the left to the one on top", class_="quiet")),
                element("div", _matrix(inventory, names, numbers), class_="card list preview"),
            )
        )
    return told


def _site(site: Site, numbers: Mapping[str, int]) -> list[Content]:
    money = f"{TIGHT}{site.currency}" if site.currency else ""
    confidential = element("span", "confidential compute", class_="badge") if site.confidential_compute else None
    return [
        site_label(site.name, numbers.get(site.name)),
        site.jurisdiction or ABSENT,
        [site.clearance.word, " ", confidential],
        f"{plain(site.cpu_hour_price)}{money}" if site.cpu_hour_price else ABSENT,
        f"{plain(site.carbon_grams_per_kwh)}{TIGHT}g/kWh" if site.carbon_grams_per_kwh else ABSENT,
        plain(site.speed),
        "any number" if site.slots is None else f"{site.slots:,}",
        "no artifact store" if site.artifact_store is None else f"keeps runs in {site.artifact_store.words}",
    ]


def _matrix(inventory: Inventory, names: Sequence[str], numbers: Mapping[str, int]) -> Markup:
    heads = [element("th", site_label(name, numbers.get(name)), scope="col") for name in names]
    rows = [
        element(
            "tr",
            element("th", site_label(origin, numbers.get(origin)), scope="row"),
            *(element("td", *_link(inventory, origin, target)) for target in names),
        )
        for origin in names
    ]
    return element(
        "table", element("thead", element("tr", element("th", ""), *heads)), element("tbody", *rows), class_="matrix"
    )


def _link(inventory: Inventory, origin: str, target: str) -> list[Content]:
    if origin == target:
        return [element("span", "here", class_="quiet")]
    link = inventory.link(origin, target)
    currency = inventory.sites[origin].currency or ""
    price = f"{plain(link.price_per_gb)}{TIGHT}{currency}/GB".replace(f"{TIGHT}/", "/")
    return [
        f"{BYTES.unit.amount(link.bytes_per_second)}/s",
        element("span", f"{plain(link.latency_seconds * 1000)}{TIGHT}ms, {price}", class_="ratio quiet"),
    ]
