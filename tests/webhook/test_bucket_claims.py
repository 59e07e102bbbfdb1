"""`configmap` of a bucket that a claim brought: proven by the cluster's own object, whatever tenants have written."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.errors import NotFoundError
from moorage.kube import CONFIG_MAPS, CRDS, DATASETS, NAMESPACES, OBJECT_BUCKET_CLAIMS, OBJECT_BUCKETS, Client
from moorage.model import Dataset, DatasetRef, Source
from moorage.sources.bucket_claim import BucketClaimSource
from tests.dataset_operator.provisioners import crd
from tests.polling import until
from tests.webhook.pods import SUBJECT, ask, make_pod, reading, refused
from tests.webhook.test_gather import with_crds
from webhook.gather import Gatherer
from webhook.mutate import Facts, PodRequest, Served, Serving, mutate, read_request

__all__ = ["with_crds"]  # a fixture

Raw = dict[str, Any]
NAMESPACE = "claimants"
REF = DatasetRef(NAMESPACE, "claims")
KINDS = (crd("ObjectBucketClaim", "Namespaced"), crd("ObjectBucket", "Cluster"))


@pytest.fixture
async def client(with_crds: Cluster) -> AsyncIterator[Client]:
    """The administrator, with the kinds of a provisioner in the API server."""
    async with Client.from_environment(with_crds.kubeconfig_path) as client:
        await client.apply(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        for each in KINDS:
            await client.apply(CRDS, each)

        async def served() -> bool:
            with suppress(NotFoundError):
                return [await client.list(each) for each in (OBJECT_BUCKET_CLAIMS, OBJECT_BUCKETS)] == [[], []]
            return False

        await until(served)
        yield client
        await client.delete(DATASETS, REF.name, NAMESPACE)
        for each in KINDS:
            await client.delete(CRDS, each["metadata"]["name"])


async def provision(client: Client) -> None:
    """What a tenant, and then a provisioner, write."""
    about = {"name": "bucket", "namespace": NAMESPACE}
    spec = {"objectBucketName": "obc-bucket"}
    made = await client.apply(OBJECT_BUCKET_CLAIMS, {"metadata": about, "spec": spec})
    await client.merge_patch(
        OBJECT_BUCKET_CLAIMS, {"metadata": about, "status": {"phase": "Bound"}}, subresource="status"
    )
    endpoint = {"bucketHost": "s3.store.svc", "bucketPort": 443, "bucketName": "bucket-1f", "region": "here"}
    ref = {**about, "uid": made["metadata"]["uid"]}
    await client.apply(
        OBJECT_BUCKETS, {"metadata": {"name": "obc-bucket"}, "spec": {"claimRef": ref, "endpoint": endpoint}}
    )
    status = {"metadata": {"name": "obc-bucket"}, "status": {"phase": "Bound"}}
    await client.merge_patch(OBJECT_BUCKETS, status, subresource="status")
    data = {"BUCKET_HOST": "evil.test", "BUCKET_PORT": "80", "BUCKET_NAME": "evil"}
    await client.apply(CONFIG_MAPS, {"metadata": about, "data": data})


def a_dataset() -> Raw:
    """Of the claim; its status lies."""
    sources = [{"site": "here", "bucketClaim": {"name": "bucket"}}]
    return {"metadata": {"name": REF.name, "namespace": NAMESPACE}, "spec": {"sources": sources}}


def request(useas: str = "configmap", namespace: str = NAMESPACE) -> PodRequest:
    """A pod that asks for the place."""
    labels = reading("claims", useas=useas) | {"dataset.0.namespace": NAMESPACE}
    return read_request(make_pod(labels=labels), namespace, SUBJECT)


async def gathered(gatherer: Gatherer, asked: PodRequest) -> Facts:
    """What is known, once the Dataset is."""
    found: list[Facts] = []

    async def look() -> bool:
        found.append(await gatherer.gather(asked))
        return found[-1].datasets.get(REF) is not None

    await until(look)
    return found[-1]


async def test_a_pod_is_told_what_the_platform_says(client: Client) -> None:
    """Endpoint and bucket of the ObjectBucket, and the names that the claim's Secret has, past every lie."""
    await client.apply(DATASETS, a_dataset())
    lie: Raw = {"site": "here", "reachable": True, "reason": "Listed", "place": "http://evil.test/evil"}
    lie["found"] = {"asked": "0", "folder": "evil"}
    about = {"metadata": {"name": REF.name, "namespace": NAMESPACE}, "status": {"sources": [lie]}}
    await client.merge_patch(DATASETS, about, subresource="status")
    now = [0.0]
    async with Gatherer(client, lookup_seconds=30.0, clock=lambda: now[0]) as gatherer:
        await until(lambda: gatherer.missing() is None)
        facts = await gathered(gatherer, request())
        assert "ObjectBucketClaim claimants/bucket: does not exist" in facts.unproven[REF]
        refusal = mutate(request(), facts, Serving())
        assert not isinstance(refusal, Served)
        assert "where dataset claimants/claims is can't be told yet: ClaimNotFound" in refusal.message
        await provision(client)
        now[0] += 60
        facts = await gathered(gatherer, request())
        served = mutate(request(), facts, Serving())
        assert isinstance(served, Served), served
        assert served.pod["spec"]["containers"][0]["env"] == [
            {"name": "claims_endpoint", "value": "https://s3.store.svc:443"},
            {"name": "claims_bucket", "value": "bucket-1f"},
            {"name": "claims_region", "value": "here"},
            secret("accessKeyID", "AWS_ACCESS_KEY_ID"),
            secret("secretAccessKey", "AWS_SECRET_ACCESS_KEY"),
        ]
        for other in (request("mount"), request(namespace="elsewhere")):
            asked = await gathered(gatherer, other)
            assert isinstance(source_of(asked.datasets[REF]), BucketClaimSource)


def secret(name: str, key: str) -> Raw:
    """A variable that refers to the claim's Secret."""
    return {"name": f"claims_{name}", "valueFrom": {"secretKeyRef": {"name": "bucket", "key": key}}}


def source_of(dataset: Dataset | None) -> object:
    """Where the first copy is."""
    return None if dataset is None else dataset.sources[0].location


def test_what_nobody_has_proven_is_told_to_no_pod() -> None:
    """A mount may wait for it; a pod's variables can't."""
    dataset = Dataset(DatasetRef("team", "claims"), (Source("eu-1", BucketClaimSource("bucket")),))
    own = replace(dataset, ref=DatasetRef(read_request(make_pod(), "fraud", SUBJECT).namespace, "claims"))
    assert isinstance(ask(make_pod(labels=reading("claims")), own), Served)
    message = refused(make_pod(labels=reading("claims", useas="configmap")), own).message
    assert "has a source of kind bucketClaim, which can't be handed to a pod" in message
