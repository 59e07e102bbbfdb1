"""Usage of datasets: who was granted which one since when, from grants grouped by reader. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from moorage.access import Access
from moorage.evidence.line import Line, What


@dataclass(frozen=True, slots=True, order=True)
class Reading:
    """The use that one account makes of one dataset at one site.

    Attributes:
        dataset: `namespace/name`.
        account: `namespace/serviceaccount`.
        purpose: that was stated; "" where none was.
        site: the site of the nodes.
        access: `readOnly` or `readWrite`.
    """

    dataset: str
    account: str
    purpose: str
    site: str
    access: str


@dataclass(slots=True)
class Usage:
    """The times, pods and versions of a use.

    Attributes:
        first: the time of the first grant: RFC 3339, UTC.
        last: of the last one; a grant is asked for again when a mount is made anew.
        pods: `namespace/name` of each pod's uid.
        versions: of the dataset, as granted.
    """

    first: str
    last: str
    pods: dict[str, str] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)


def fold(lines: Iterable[Line]) -> dict[Reading, Usage]:
    """Return the grants among these lines, in any order, by reader."""
    found: dict[Reading, Usage] = {}
    for line in lines:
        event = line.event
        if event.what is not What.GRANTED or event.dataset is None or event.account is None:
            continue
        access = event.access or Access.READ_ONLY.value
        reading = Reading(event.dataset, event.account, event.purpose or "", event.site or "", access)
        usage = found.setdefault(reading, Usage(line.time, line.time))
        usage.first, usage.last = min(usage.first, line.time), max(usage.last, line.time)
        usage.pods[event.uid or ""] = event.pod or ""
        if event.version:
            usage.versions.add(event.version)
    return dict(sorted(found.items()))
