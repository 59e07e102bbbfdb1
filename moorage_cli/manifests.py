"""Options to a Dataset manifest. Pure: what comes out is validated by `moorage.wire` before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moorage import wire
from moorage.errors import InputError
from moorage.model import API_VERSION, Dataset
from moorage.policy import unknown_places
from moorage.reading.fields import DNS_LABEL
from moorage.sources import SPEC_KINDS, Location
from moorage.sources.catalogued import WITHIN_KINDS, CataloguedSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was given on the command line.

    Attributes:
        of_sources: by option, what was given of the kinds of sources: for each of `sites`, once for all, or never.
    """

    name: str
    namespace: str
    sites: Sequence[str] = ()
    of_sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    classification: str | None = None
    residency: Sequence[str] = ()
    allow_sites: Sequence[str] = ()
    deny_sites: Sequence[str] = ()
    purposes: Sequence[str] = ()
    consumers: Sequence[str] = ()
    writers: Sequence[str] = ()
    access: str | None = None
    confidential_compute: bool = False
    cache: str | None = None
    cache_size: str | None = None


def manifest(options: Options) -> dict[str, Any]:
    """The Dataset object.

    Raises:
        InputError: the options do not fit together, or the Dataset would be invalid; names field and remedy.
    """
    subject = f"Dataset {options.namespace}/{options.name}"
    if not DNS_LABEL.fullmatch(options.name):
        problem = 'must be a DNS label, because pods name it in a label: lower-case letters, digits and "-", at most 63'
        raise InputError(subject, "metadata.name", problem)
    spec: dict[str, Any] = {"sources": [_source(options, subject, index) for index in range(len(options.sites))]}
    governance = _governance(options)
    if governance:
        spec["governance"] = governance
    if options.access:
        spec["access"] = options.access
    if options.cache or options.cache_size:
        spec["cache"] = _without_empty({"mode": options.cache, "sizeLimit": options.cache_size})
    raw = {
        "apiVersion": API_VERSION,
        "kind": "Dataset",
        "metadata": {"name": options.name, "namespace": options.namespace},
        "spec": spec,
    }
    check(raw, subject)
    return raw


def check(raw: dict[str, Any], subject: str) -> Dataset:
    """Read it back, as every part of Moorage will.

    Raises:
        InputError: it can't be used.
    """
    dataset = wire.read_dataset(raw)
    unknown = unknown_places(dataset.governance.residency or ())
    if unknown:
        hint = "; the code of the United Kingdom is GB" if "UK" in unknown else ""
        raise InputError(
            subject,
            "spec.governance.residency",
            f"{', '.join(unknown)} is not a place: give countries as DE, subdivisions as US-CA, EU or EEA{hint}",
        )
    return dataset


def _source(options: Options, subject: str, index: int) -> dict[str, Any]:
    def own(flag: str, values: Sequence[str]) -> str | None:
        """The value for this site: its own, or the one that is for all."""
        if len(values) not in {0, 1, len(options.sites)}:
            raise InputError(
                subject,
                flag,
                f"is given {len(values)} times for {len(options.sites)} sites: give it once, or once each site",
            )
        return (values[index] if len(values) > 1 else values[0]) if values else None

    source: dict[str, Any] = {"site": options.sites[index]}
    for kind, each in SPEC_KINDS.items():
        for option in each.options:
            value = own(option.flag, options.of_sources.get(option.flag, ()))
            if value:
                try:
                    source.setdefault(kind, {}).update(option.write(value))
                except ValueError as error:
                    raise InputError(subject, option.flag, str(error)) from None
    return _with_place(source)


def _with_place(source: dict[str, Any]) -> dict[str, Any]:
    """A table's files lie within what the options of other kinds name."""
    tables = [kind for kind in source if issubclass(SPEC_KINDS.get(kind, Location), CataloguedSource)]
    place = {kind: source[kind] for kind in source if kind in WITHIN_KINDS}
    if len(tables) != 1 or not place:
        return source
    (table,) = tables
    return {"site": source["site"], table: {**source[table], "within": place}}


def _governance(options: Options) -> dict[str, Any]:
    return _without_empty(
        {
            "classification": options.classification,
            "residency": _split(options.residency),
            "sites": _without_empty({"allow": _split(options.allow_sites), "deny": _split(options.deny_sites)}),
            "purposes": _split(options.purposes),
            "consumers": _split(options.consumers),
            "writers": _split(options.writers),
            "confidentialCompute": options.confidential_compute,
        }
    )


def _split(values: Sequence[str]) -> list[str]:
    """Options may be repeated or comma-separated."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}
