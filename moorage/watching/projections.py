"""Projections for informers: the fields of a Dataset that decisions read."""

from dataclasses import replace

from moorage.kube import RawObject
from moorage.model import Dataset, Governance
from moorage.wire import read_dataset

# Columns, and the pods that use it, are for people: together they may be larger than all the rest.
_ASKED_FOR = ("conditions", "bytes", "objects", "version", "sources")
_LONGEST_MESSAGE = 500


def read_for_deciding(raw: RawObject) -> Dataset:
    """Read a Dataset without what no decision asks for: columns and users of its status, commands of releases.

    Of a source that can't be reached the message is kept: a refused mount repeats its remedy.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    told = raw.get("status") or {}
    dataset = read_dataset({**raw, "status": {key: told[key] for key in _ASKED_FOR if key in told}})
    sources = tuple(
        replace(source, message="" if source.reachable else source.message[:_LONGEST_MESSAGE], place="")
        for source in dataset.status.sources
    )
    return replace(
        dataset,
        governance=without_commands(dataset.governance),
        status=replace(dataset.status, sources=sources),
    )


def without_commands(governance: Governance) -> Governance:
    """Return the same rules; what a release runs is for planners, and may be large."""
    releases = tuple(
        replace(release, component=replace(release.component, command=(), args=())) for release in governance.releases
    )
    return replace(governance, releases=releases)
