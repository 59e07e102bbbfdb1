"""Site objects, in and out."""

import re
from typing import Any

from moorage.model import Classification, Link, Site
from moorage.reading.fields import Fields, Raw, object_fields
from moorage.sources import WRITTEN_KINDS, Location, one_of
from moorage.wire.numbers import write_number

_CURRENCY = re.compile(r"[A-Z]{3}")


def read_site(raw: Raw) -> Site:
    """Read the Site that a raw object means.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, name, _ = object_fields(raw, "Site")
    fields = Fields(subject, "", raw).sub("spec")
    if fields is None:
        fields = Fields(subject, "spec", {})
    clearance = fields.choice("clearance", Classification)
    speed, watts = fields.number("speed", positive=True), fields.number("cpuWatts")
    default_link = fields.sub("defaultLink")
    site = Site(
        name=name,
        jurisdiction=fields.text("jurisdiction"),
        clearance=Classification.INTERNAL if clearance is None else clearance,
        confidential_compute=fields.flag("confidentialCompute"),
        speed=1.0 if speed is None else speed,
        cpu_hour_price=fields.number("cpuHourPrice") or 0.0,
        carbon_grams_per_kwh=fields.number("carbonGramsPerKWh") or 0.0,
        cpu_watts=12.0 if watts is None else watts,
        currency=read_currency(fields, "currency"),
        slots=fields.count("slots", least=1),
        quota_cpu_hours=fields.number("quotaCpuHours"),
        resources=_read_resources(fields.sub("resources")),
        links=_read_links(fields, name),
        default_link=Link() if default_link is None else _read_link(default_link),
        node_selector=fields.text_map("nodeSelector"),
        artifact_store=_read_store(fields.sub("artifactStore")),
    )
    fields.finish()
    return site


def read_currency(fields: Fields, key: str) -> str | None:
    """Read an ISO 4217 code, or None where it is absent."""
    value = fields.text(key)
    if value is not None and not _CURRENCY.fullmatch(value):
        fields.fail(key, "must be three capital letters of ISO 4217, such as EUR")
    return value


def _read_resources(fields: Fields | None) -> dict[str, float] | None:
    if fields is None:
        return None
    return {key: fields.number(key) or 0.0 for key in fields.raw}


def _read_link(fields: Fields) -> Link:
    link = Link(
        bytes_per_second=fields.number("bytesPerSecond", positive=True),
        latency_seconds=fields.seconds("latencySeconds"),
        price_per_gb=fields.number("pricePerGB"),
    )
    fields.finish()
    return link


def _read_links(fields: Fields, own_name: str) -> dict[str, Link]:
    links: dict[str, Link] = {}
    for index, entry in enumerate(fields.subs("links")):
        to = entry.name("to")
        if to in links or to == own_name:
            fields.fail(f"links[{index}].to", f"{to!r} is {'the site itself' if to == own_name else 'named twice'}")
        links[to] = _read_link(entry)
    return links


def _read_store(fields: Fields | None) -> Location | None:
    if fields is None:
        return None
    for kind in WRITTEN_KINDS:
        place = fields.sub(kind)
        if place is not None and place.value("provision") is not None:
            place.fail("provision", "is not a field here: make the bucket yourself")
    store = one_of(fields, WRITTEN_KINDS)
    fields.finish()
    return store


def write_site_spec(site: Site) -> dict[str, Any]:
    """Write the `spec` that reads back as `site`; defaults are left out."""
    spec: dict[str, Any] = {}
    if site.jurisdiction:
        spec["jurisdiction"] = site.jurisdiction
    if site.clearance is not Classification.INTERNAL:
        spec["clearance"] = site.clearance.word
    if site.confidential_compute:
        spec["confidentialCompute"] = True
    spec |= _write_prices(site)
    if site.slots is not None:
        spec["slots"] = site.slots
    if site.resources is not None:
        spec["resources"] = {key: write_number(value) for key, value in site.resources.items()}
    if site.links:
        spec["links"] = [{"to": to, **_write_link(link)} for to, link in site.links.items()]
    if site.default_link != Link():
        spec["defaultLink"] = _write_link(site.default_link)
    if site.node_selector:
        spec["nodeSelector"] = dict(site.node_selector)
    if site.artifact_store is not None:
        spec["artifactStore"] = {site.artifact_store.kind: site.artifact_store.write()}
    return spec


def _write_prices(site: Site) -> dict[str, str]:
    fields = (
        ("speed", site.speed, 1.0),
        ("cpuHourPrice", site.cpu_hour_price, 0.0),
        ("carbonGramsPerKWh", site.carbon_grams_per_kwh, 0.0),
        ("cpuWatts", site.cpu_watts, 12.0),
        ("quotaCpuHours", site.quota_cpu_hours, None),
    )
    written = {key: write_number(value) for key, value, default in fields if value is not None and value != default}
    return written if site.currency is None else {**written, "currency": site.currency}


def _write_link(link: Link) -> dict[str, str]:
    fields = (
        ("bytesPerSecond", link.bytes_per_second),
        ("latencySeconds", link.latency_seconds),
        ("pricePerGB", link.price_per_gb),
    )
    return {key: write_number(value) for key, value in fields if value is not None}
