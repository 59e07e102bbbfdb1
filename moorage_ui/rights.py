"""Authorization to see what lies in the stores: rights in roles, checked by the API server.

The stores are read with keys that are not the person's, so an object's being there says nothing. Three rights stand for
it, on the run's own namespace:

    get stretchedpipelines             the plan, plan beside actual, how tasks ended
    get stretchedpipelines/log         what tasks printed
    get stretchedpipelines/artifacts   what tasks wrote, as far as it carries no restricted dataset

and one on the namespace of each dataset whose rules an artifact carries: `get datasets/contents`. The steward of a
dataset gives it, so nobody previews governed data because they run pipelines.
"""

from collections.abc import Mapping

from moorage.kube import DATASETS, STRETCHED_PIPELINES
from moorage.model import DatasetRef, Governance
from moorage.runs import RunRef
from moorage.runs.logs import LOG_SUBRESOURCE
from moorage_ui.viewers import Right, Viewer


async def may_read_plans(viewer: Viewer, run: RunRef) -> bool:
    """Return whether the viewer may see the plan of a run.

    Raises:
        KubeError: the API server did not answer.
    """
    return await viewer.may(Right("get", STRETCHED_PIPELINES, run.namespace, name=run.name))


def log_right(run: RunRef) -> Right:
    """Return the right that reading a run's logs takes."""
    return Right("get", STRETCHED_PIPELINES, run.namespace, LOG_SUBRESOURCE, run.name)


def artifact_right(run: RunRef) -> Right:
    """Return the right that reading anything that a run's tasks wrote takes."""
    return Right("get", STRETCHED_PIPELINES, run.namespace, "artifacts", run.name)


def content_rights(carried: Mapping[DatasetRef, Governance]) -> list[Right]:
    """Return the rights that reading data under these datasets' rules takes: one from each dataset's steward."""
    return [
        Right("get", DATASETS, ref.namespace, "contents", ref.name)
        for ref, governance in sorted(carried.items(), key=lambda item: item[0])
        if governance != Governance()
    ]


async def missing(viewer: Viewer, rights: list[Right]) -> list[Right]:
    """Return those that they do not have.

    Raises:
        KubeError: the API server did not answer.
    """
    return [right for right in rights if not await viewer.may(right)]
