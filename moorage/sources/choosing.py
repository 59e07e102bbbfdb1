"""Which of several kinds a mapping has."""

from collections.abc import Mapping

from moorage.reading.fields import Fields
from moorage.sources.location import Location


def one_of(fields: Fields, kinds: Mapping[str, type[Location]]) -> Location:
    """The one location that a mapping has, of the kinds; the caller calls `finish`.

    Raises:
        InputError: it has none, or several.
    """
    present = [kind for kind in kinds if fields.value(kind) is not None]
    if len(present) != 1:
        found = f"found {' and '.join(present)}" if present else "found none"
        fields.fail("", f"must have exactly one of {', '.join(kinds)}; {found}")
    sub = fields.sub(present[0])
    if sub is None:
        fields.fail(present[0], "must be a mapping")
    location = kinds[present[0]].read(sub)
    sub.finish()
    return location
