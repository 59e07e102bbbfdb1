"""The scores of managed clusters, and the AddOnPlacementScores that hold them. Pure."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from moorage.kube import RawObject, Resource
from moorage.locality.bringing import bring_seconds, scores
from moorage.model import Dataset, DatasetRef
from moorage.policy import decide_transfer
from moorage.runs.pipelines import HUB_LABEL
from moorage.sites import Inventory

ADD_ON_PLACEMENT_SCORES: Final = Resource(
    "cluster.open-cluster-management.io", "v1alpha1", "addonplacementscores", "AddOnPlacementScore"
)
NAME: Final = "moorage"
"""Of the object in each cluster's namespace: a Placement's `resourceName`."""
REFUSED: Final = -100
"""Where a rule of the Dataset lets no copy be: the worst that there is. A prioritizer can't exclude a cluster."""
BEST: Final = 100
MOST_SCORES: Final = 1000


@dataclass(frozen=True, slots=True)
class Written:
    """An AddOnPlacementScore of this hub.

    Attributes:
        cluster: whose it is.
        scores: by name.
        valid_until_seconds: since the epoch; 0.0: it does not say.
    """

    cluster: str
    name: str
    uid: str
    scores: Mapping[str, int] = field(default_factory=dict)
    valid_until_seconds: float = 0.0


def score_name(ref: DatasetRef) -> str:
    """What a Placement's `scoreName` calls a Dataset. Neither part can have a dot."""
    return f"{ref.namespace}.{ref.name}"


def of_sites(dataset: Dataset, inventory: Inventory) -> dict[str, int]:
    """The score of each Site: by the seconds that the data would take to a node there, as a pod's node score is."""
    places = {name: inventory.place(name) for name in inventory.sites}
    seconds = {
        name: bring_seconds("", place, (dataset,), inventory)
        for name, place in places.items()
        if decide_transfer(dataset.ref, dataset, place, inventory).allowed
    }
    return {**dict.fromkeys(places, REFUSED), **scores(seconds, most=BEST)}


def of_cluster(sites: Iterable[str], by_dataset: Mapping[DatasetRef, Mapping[str, int]]) -> dict[str, int]:
    """The score of a cluster for each Dataset, by the score's name: that of its best site."""
    names = tuple(sites)
    return {
        score_name(ref): max((of_site.get(name, REFUSED) for name in names), default=REFUSED)
        for ref, of_site in by_dataset.items()
    }


def chosen(refs: Iterable[DatasetRef], most: int = MOST_SCORES) -> list[DatasetRef]:
    """The Datasets that are scored where there are too many: namespaces in turns, so that none takes all."""
    ranked = [
        (rank, ref)
        for _, several in itertools.groupby(sorted(refs), key=lambda ref: ref.namespace)
        for rank, ref in enumerate(several)
    ]
    return [ref for _, ref in sorted(ranked)[:most]]


def score_object(cluster: str, hub: str) -> RawObject:
    """An AddOnPlacementScore, without its status, which the API server takes from nobody who creates one."""
    metadata = {"namespace": cluster, "name": NAME, "labels": {HUB_LABEL: hub}}
    return {
        "apiVersion": ADD_ON_PLACEMENT_SCORES.api_version,
        "kind": ADD_ON_PLACEMENT_SCORES.kind,
        "metadata": metadata,
    }


def status_patch(cluster: str, scored: Mapping[str, int], valid_until_seconds: float) -> RawObject:
    """What replaces the status of a cluster's object."""
    until = datetime.fromtimestamp(valid_until_seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    listed = [{"name": name, "value": value} for name, value in sorted(scored.items())]
    return {"metadata": {"namespace": cluster, "name": NAME}, "status": {"scores": listed, "validUntil": until}}


def read_written(raw: RawObject) -> Written:
    """What a raw AddOnPlacementScore says."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    return Written(
        cluster=str(metadata["namespace"]),
        name=str(metadata["name"]),
        uid=str(metadata.get("uid") or ""),
        scores={str(each.get("name")): each["value"] for each in status.get("scores") or () if "value" in each},
        valid_until_seconds=_seconds(status.get("validUntil")),
    )


def _seconds(time: Any) -> float:  # noqa: ANN401 - of a raw object
    try:
        return datetime.fromisoformat(str(time)).timestamp()
    except ValueError:
        return 0.0
