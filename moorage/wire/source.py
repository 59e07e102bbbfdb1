"""`spec.sources[]`: where a full copy of the data is, in and out."""

from typing import Any

from moorage.model import Source
from moorage.reading.fields import Fields
from moorage.sources import SPEC_KINDS, one_of


def read_source(fields: Fields) -> Source:
    """Read one entry of `spec.sources`: a site and exactly one kind of place."""
    site = fields.name("site")
    location = one_of(fields, SPEC_KINDS)
    fields.finish()
    return Source(site=site, location=location)


def write_source(source: Source) -> dict[str, Any]:
    """Write one entry of `spec.sources`."""
    return {"site": source.site, source.as_written.kind: source.as_written.write()}
