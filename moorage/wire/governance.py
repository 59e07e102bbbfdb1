"""`spec.governance`, in and out."""

import hashlib
import json
from typing import Any

from moorage.model import Classification, Component, Governance, Release
from moorage.reading.fields import Fields
from moorage.reading.limits import MOST_COMPONENT_TEXT, MOST_CONSUMER_TEXT, MOST_YIELDS_TEXT, letters
from moorage.wire.numbers import write_number


def read_governance(fields: Fields | None, *, nested: bool = False) -> Governance:
    """Read the rules under `fields`; absent rules permit anything. A release's rules (`nested`) have no releases."""
    if fields is None:
        return Governance()
    sites = fields.sub("sites")
    allow = deny = None
    if sites is not None:
        allow, deny = sites.texts("allow"), sites.texts("deny")
        sites.finish()
    residency = fields.texts("residency")
    purposes = fields.texts("purposes")
    consumers = fields.texts("consumers")
    writers = None if nested else fields.texts("writers")
    governance = Governance(
        classification=fields.choice("classification", Classification) or Classification.PUBLIC,
        residency=None if residency is None else frozenset(residency),
        sites_allow=None if allow is None else frozenset(allow),
        sites_deny=frozenset(deny or ()),
        purposes=None if purposes is None else frozenset(purposes),
        consumers=None if consumers is None else frozenset(consumers),
        writers=None if writers is None else frozenset(writers),
        confidential_compute=fields.flag("confidentialCompute"),
        releases=() if nested else tuple(_read_release(release) for release in fields.subs("releases")),
    )
    fields.finish()
    _check_release_names(fields, governance)
    _check_size(fields)
    return governance


def _check_release_names(fields: Fields, governance: Governance) -> None:
    names: set[str] = set()
    for index, release in enumerate(governance.releases):
        if release.name in names:
            fields.fail(f"releases[{index}].name", f"{release.name!r} is declared twice")
        names.add(release.name)


def _check_size(fields: Fields) -> None:
    releases = fields.raw.get("releases") or []
    yields = [release.get("yields") or {} for release in releases]
    lists = [[each.get("consumers"), each.get("purposes"), each.get("sites")] for each in yields]
    components = [{**(release.get("component") or {}), "digest": None} for release in releases]
    for key, raw, what, most in (
        ("consumers", fields.raw.get("consumers"), "in all", MOST_CONSUMER_TEXT),
        ("writers", fields.raw.get("writers"), "in all", MOST_CONSUMER_TEXT),
        ("releases", components, "in their components together", MOST_COMPONENT_TEXT),
        ("releases", lists, "in the consumers, purposes and sites of their yields together", MOST_YIELDS_TEXT),
    ):
        if letters(raw) > most:
            fields.fail(key, f"must have at most {most} characters {what}, not {letters(raw)}")


def _read_release(fields: Fields) -> Release:
    yields = fields.sub("yields")
    if yields is None:
        fields.fail("yields", "is required: the governance of the release's output")
    release = Release(
        name=fields.name("name"),
        component=_read_component(fields),
        yields=read_governance(yields, nested=True),
        seconds=fields.seconds("seconds"),
        cpu=fields.number("cpu"),
        output_ratio=fields.number("outputRatio"),
    )
    fields.finish()
    return release


def _read_component(parent: Fields) -> Component:
    fields = parent.sub("component")
    if fields is None:
        parent.fail("component", "is required: the container that releases")
    component = Component(
        image=fields.required_text("image"),
        command=tuple(fields.texts("command", blanks=True) or ()),
        args=tuple(fields.texts("args", blanks=True) or ()),
        digest=fields.text("digest") or "",
    )
    fields.finish()
    actual = component_digest(component)
    if component.digest and component.digest != actual:
        problem = f"does not belong to this container, whose digest is {actual}: write that, or correct the container"
        fields.fail("digest", problem)
    return Component(component.image, component.command, component.args, actual)


def component_digest(component: Component) -> str:
    """Return the SHA-256, in hex, of the canonical JSON (RFC 8785) of the container, without absent fields."""
    container: dict[str, Any] = {"image": component.image}
    if component.command:
        container["command"] = list(component.command)
    if component.args:
        container["args"] = list(component.args)
    # Only strings, lists and fixed ASCII keys occur here, for which sorted compact JSON is RFC 8785.
    canonical = json.dumps(container, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_governance(governance: Governance) -> dict[str, Any]:
    """Write governance for the API, without the fields that permit anything."""
    raw: dict[str, Any] = {}
    if governance.classification is not Classification.PUBLIC:
        raw["classification"] = governance.classification.word
    if governance.residency is not None:
        raw["residency"] = sorted(governance.residency)
    sites: dict[str, Any] = {}
    if governance.sites_allow is not None:
        sites["allow"] = sorted(governance.sites_allow)
    if governance.sites_deny:
        sites["deny"] = sorted(governance.sites_deny)
    if sites:
        raw["sites"] = sites
    for key, words in (
        ("purposes", governance.purposes),
        ("consumers", governance.consumers),
        ("writers", governance.writers),
    ):
        if words is not None:
            raw[key] = sorted(words)
    if governance.confidential_compute:
        raw["confidentialCompute"] = True
    if governance.releases:
        raw["releases"] = [_write_release(release) for release in governance.releases]
    return raw


def _write_release(release: Release) -> dict[str, Any]:
    component: dict[str, Any] = {"image": release.component.image}
    if release.component.command:
        component["command"] = list(release.component.command)
    if release.component.args:
        component["args"] = list(release.component.args)
    component["digest"] = release.component.digest
    raw: dict[str, Any] = {"name": release.name, "component": component, "yields": write_governance(release.yields)}
    for key, value in (("seconds", release.seconds), ("cpu", release.cpu), ("outputRatio", release.output_ratio)):
        if value is not None:
            raw[key] = write_number(value)
    return raw
