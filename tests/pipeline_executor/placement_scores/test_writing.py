"""A hub writes AddOnPlacementScores with the rights of the chart, on a real API server with OCM kinds of our own."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.errors import KubeError, NotFoundError
from moorage.kube import DATASETS, NAMESPACES
from moorage.model import API_VERSION
from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION
from pipeline_executor.distribution.ocm.works import MANAGED_CLUSTERS
from pipeline_executor.placement_scores.scores import ADD_ON_PLACEMENT_SCORES, NAME, score_object, status_patch
from tests.pipeline_executor.distribution.grounds import define, eventually
from tests.pipeline_executor.distribution.ocm_crds import add_on_placement_scores, managed_clusters, manifest_works
from tests.pipeline_executor.hub.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@asynccontextmanager
async def _managed(stage: Stage, name: str, *sites: str) -> AsyncIterator[None]:
    """A ManagedCluster that names sites, and its namespace, as OCM makes it."""
    await stage.hub.create(NAMESPACES, {"metadata": {"name": name}})
    kind = {"apiVersion": MANAGED_CLUSTERS.api_version, "kind": MANAGED_CLUSTERS.kind}
    metadata = {"name": name, "annotations": {CLUSTER_SITES_ANNOTATION: ",".join(sites)}}
    await stage.hub.create(MANAGED_CLUSTERS, {**kind, "metadata": metadata, "spec": {"hubAcceptsClient": True}})
    try:
        yield
    finally:
        for resource in (MANAGED_CLUSTERS, NAMESPACES):
            with contextlib.suppress(KubeError):
                await stage.hub.delete(resource, name)


async def _describe(stage: Stage, size_bytes: int, **governance: Any) -> None:  # noqa: ANN401 - of a Dataset
    """A Dataset of the runs' namespace, with its copy at site `eu`, as the operator found it."""
    source = {"site": stage.eu, "s3": {"endpoint": stage.store.endpoint, "bucket": "claims"}}
    metadata = {"namespace": stage.namespace, "name": "claims"}
    body = {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": metadata}
    await stage.hub.apply(DATASETS, {**body, "spec": {"sources": [source], "governance": governance}})
    await stage.hub.apply(DATASETS, {**body, "status": {"bytes": size_bytes}}, subresource="status")


async def _status(stage: Stage, cluster: str) -> dict[str, Any]:
    try:
        raw = await stage.hub.get(ADD_ON_PLACEMENT_SCORES, NAME, cluster)
    except NotFoundError:
        return {}
    status: dict[str, Any] = raw.get("status") or {}
    return status


async def _says(stage: Stage, cluster: str, score: int | None) -> None:
    """Wait for a cluster's score of the Dataset; None: it has none at all."""

    async def does() -> bool:
        scores = {each["name"]: each["value"] for each in (await _status(stage, cluster)).get("scores", ())}
        return scores.get(f"{stage.namespace}.claims") == score

    await eventually(does)


async def test_scores_follow_datasets_sites_and_clusters(stage: Stage) -> None:
    """Near is better than far, forbidden is worst; a rule that changes counts, and a cluster that leaves has none."""
    await define(stage.hub, manifest_works(), managed_clusters(), add_on_placement_scores())
    near, far = f"near-{stage.tag}", f"far-{stage.tag}"
    await _describe(stage, 10**10)
    async with _managed(stage, near, stage.eu), _managed(stage, far, stage.us):
        # Another hub's, or somebody's own, of the same name: it stays as it is.
        taken = f"taken-{stage.tag}"
        async with _managed(stage, taken, stage.eu):
            await stage.hub.create(ADD_ON_PLACEMENT_SCORES, score_object(taken, "another"))
            theirs = status_patch(taken, {"theirs": 7}, 0.0)
            await stage.hub.merge_patch(ADD_ON_PLACEMENT_SCORES, theirs, subresource="status")
            async with stage.hub_running("ocm", placement_scores=True):
                # 10 s within the site; 80.05 s to the other, by the constants.
                await _says(stage, near, 87)
                await _says(stage, far, 0)
                until = datetime.fromisoformat((await _status(stage, near))["validUntil"])
                assert until > datetime.now(tz=UTC)
                await _describe(stage, 10**10, sites={"allow": [stage.eu]})
                await _says(stage, far, -100)
                bare: dict[str, Any] = {"metadata": {"name": far, "annotations": {CLUSTER_SITES_ANNOTATION: None}}}
                await stage.hub.merge_patch(MANAGED_CLUSTERS, bare)
                await eventually(lambda: _is_gone(stage, far))
                await stage.hub.delete(ADD_ON_PLACEMENT_SCORES, NAME, near)
                await _says(stage, near, 0)
            assert (await _status(stage, taken))["scores"] == [{"name": "theirs", "value": 7}]


async def _is_gone(stage: Stage, cluster: str) -> bool:
    try:
        await stage.hub.get(ADD_ON_PLACEMENT_SCORES, NAME, cluster)
    except NotFoundError:
        return True
    return False
