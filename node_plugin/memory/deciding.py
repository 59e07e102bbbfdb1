"""Whether there is room for one more, and what is freed. Pure decisions on what the node holds."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from node_plugin.memory.holding import HeldMemory, MemoryKey


@dataclass(frozen=True, slots=True)
class Departure:
    """Memory that is freed.

    Attributes:
        rule: what refuses it at this node; "" where it is only of no use any more.
        message: one sentence.
    """

    key: MemoryKey
    rule: str
    message: str


def no_room(key: MemoryKey, wanted_bytes: int, held: Iterable[HeldMemory], limit_bytes: int) -> str | None:
    """Why the node can't promise so many bytes, with the remedy; None where it can.

    Args:
        key: the Dataset's.
        wanted_bytes: its size.
        held: all that the node holds; what it holds for this Dataset is not counted twice.
        limit_bytes: the most that it may promise.
    """
    promised = sum(each.size_bytes for each in held if each.key != key)
    if promised + wanted_bytes <= limit_bytes:
        return None
    if limit_bytes == 0:
        return (
            f"dataset {key.ref} is the memory of nodes, and this node gives none: ask the platform's operators to set "
            "nodePlugin.memory.sizeLimit in the chart's values"
        )
    return (
        f"dataset {key.ref} needs {wanted_bytes:,} bytes of this node's memory, and of the {limit_bytes:,} that it may "
        f"give {promised:,} are given to other datasets: wait until their pods have ended, make size smaller in "
        "spec.sources, or ask the platform's operators to raise nodePlugin.memory.sizeLimit in the chart's values"
    )


def departures(
    held: Iterable[HeldMemory],
    standings: Mapping[DatasetRef, Standing],
    used: Collection[MemoryKey],
    now: float,
    idle_seconds: float,
) -> list[Departure]:
    """What is freed: nothing that a pod has.

    Args:
        held: all that the node holds.
        standings: as the broker told them now; of what it was not asked about, nobody knows.
        used: what a volume shows.
        now: seconds since 1970.
        idle_seconds: how long it stays after the last pod.
    """
    found = []
    for each in held:
        if each.key in used:
            continue
        standing = standings.get(each.key.ref)
        if standing is not None and not standing.permitted:
            found.append(Departure(each.key, standing.rule, standing.message))
        elif standing is not None and standing.uid and standing.uid != each.key.uid:
            found.append(Departure(each.key, "", "its Dataset was deleted, and another one has the name"))
        elif now - each.last_used >= idle_seconds:
            found.append(Departure(each.key, "", f"no pod has used it for {idle_seconds:,.0f} s"))
    return found
