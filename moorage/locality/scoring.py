"""The node score: how near the data of a pod is to each candidate node. Pure.

Units: seconds.
"""

from collections.abc import Sequence
from itertools import repeat

from moorage.locality.bringing import bring_seconds, scores
from moorage.locality.snapshot import Request, Snapshot
from moorage.sites import Place


def bring(request: Request, node_names: Sequence[str], snapshot: Snapshot) -> dict[str, float]:
    """Seconds for each node; infinite where a dataset has no usable source."""
    numbers = snapshot.places.numbers(node_names)
    of_place, of_holder = _seconds(request, node_names, numbers, snapshot)
    return {name: of_holder.get(name, of_place[number]) for name, number in zip(node_names, numbers, strict=True)}


def _seconds(
    request: Request, node_names: Sequence[str], numbers: Sequence[int], snapshot: Snapshot
) -> tuple[dict[int, float], dict[str, float]]:
    """Seconds by the number of a place, for nodes that hold nothing themselves; and by name for those that do."""
    datasets = request.known(snapshot)
    holders = frozenset().union(*(snapshot.holders.get(ref, frozenset()) for ref in request.refs))

    def ask(node_name: str, place: Place) -> float:
        return bring_seconds(node_name, place, datasets, snapshot.inventory, snapshot.caches)

    distinct = snapshot.places.distinct
    of_place = {number: ask("", distinct[number]) for number in set(numbers)}
    return of_place, {name: ask(name, snapshot.places[name]) for name in holders.intersection(node_names)}


def prioritize(request: Request, node_names: Sequence[str], snapshot: Snapshot) -> dict[str, int]:
    """0 to 10 for each node, 10 for all where there is nothing to bring."""
    numbers = snapshot.places.numbers(node_names)
    of_place, of_holder = _seconds(request, node_names, numbers, snapshot)
    # The largest seconds count only where a candidate needs them: not a place all of whose candidates hold a copy.
    needed = set(of_place)
    if of_holder:
        needed = {number for name, number in zip(node_names, numbers, strict=True) if name not in of_holder}
    # A score depends on a node's own seconds and on the largest alone: it is asked once for each distinct place.
    asked = scores({f"place {number}": of_place[number] for number in needed} | of_holder)
    of_number = {number: asked[f"place {number}"] for number in needed}
    of_node = dict(zip(node_names, map(of_number.get, numbers, repeat(0)), strict=True))
    return of_node | {name: asked[name] for name in of_holder}
