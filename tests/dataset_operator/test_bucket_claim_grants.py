"""Whose word a bucket claim's place is: asked where no operator mends a forged status."""

from typing import Any

import pytest

from moorage.errors import SourceError
from moorage.kube import Client
from moorage.proving import Prover
from moorage.proving.prover import REFUSED_SECONDS, REMEMBERED_SECONDS
from moorage.sources.bucket_claim import BucketClaimSource
from moorage.sources.s3 import S3Source
from tests.dataset_operator.brokers import Broker, mounting, token
from tests.dataset_operator.provisioners import KINDS, Provisioner, dataset
from tests.dataset_operator.stores import Store
from tests.world import World, eventually

Raw = dict[str, Any]
EVIL = {"place": "http://evil.test/x", "found": {"asked": "0" * 64, "folder": "salaries"}}


def test_nobody_but_the_platform_says_where_a_claim_leads(
    world: World, broker: Broker, provisioner: Provisioner, store: Store
) -> None:
    """Not the claim's ConfigMap, nor the Dataset's status, nor a claim that names what is bound to another."""
    bucket = provisioner.serve("hostile")
    world.apply(dataset(world, "hostile"))
    question = mounting(world, "meets-hostility", asked="hostile")
    first = broker.eventually_says(200, token(world), question)
    config = {"BUCKET_HOST": "evil.test", "BUCKET_PORT": "80", "BUCKET_NAME": "x", "BUCKET_REGION": "x"}
    about = {"name": "hostile", "namespace": world.steward}
    world.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": config})
    lie = {"site": world.eu, "reachable": True, "reason": "Listed", "objects": 1, "version": "e" * 64, **EVIL}
    status = {"sources": [lie], "version": "e" * 64, "bytes": 1, "objects": 1}
    world.set_status("dataset", "hostile", status, world.steward)

    def after_the_lies() -> Raw | None:
        code, answer = broker.ask(token(world), question)
        return answer if code == 200 and answer["version"] == "e" * 64 else None

    grant = eventually(after_the_lies)
    assert grant["source"] == first["source"]
    assert (grant["source"]["endpoint"], grant["source"]["bucket"]) == (store.endpoint, bucket)

    stolen = provisioner.object_bucket("hostile")
    provisioner.claim("thief", objectBucketName=stolen)
    world.set_status(KINDS[0], "thief", {"phase": "Bound"}, world.steward)
    world.apply(dataset(world, "thief"))
    question = mounting(world, "steals", asked="thief")
    refused = broker.eventually_says(409, token(world), question)
    assert f"names ObjectBucket {stolen}, which is not bound to it" in refused["message"]


def test_a_claim_made_anew_is_another_one(world: World, broker: Broker, provisioner: Provisioner) -> None:
    """Under the old name it does not get what the old one left behind."""
    provisioner.serve("anew")
    world.apply(dataset(world, "anew"))
    question = mounting(world, "reads-anew", asked="anew")
    broker.eventually_says(200, token(world), question)
    world.kubectl("delete", KINDS[0], "anew", "-n", world.steward)
    provisioner.claim("anew", objectBucketName=provisioner.object_bucket("anew"))
    world.set_status(KINDS[0], "anew", {"phase": "Bound"}, world.steward)
    # The old place counts for some seconds; its keys went with the claim.
    eventually(lambda: "which is not bound to it" in broker.eventually_says(409, token(world), question)["message"])


async def test_a_place_is_remembered_for_a_moment(world: World, provisioner: Provisioner) -> None:
    """Many pods cost two GETs; what the platform changes counts soon after, and what was refused sooner."""
    bucket, now = provisioner.serve("moved"), [0.0]
    source = BucketClaimSource("moved", tls=False)
    async with Client.from_environment(world.cluster.kubeconfig_path) as client:
        prover = Prover(client, clock=lambda: now[0])

        async def bucket_now() -> str:
            location = (await prover.place(world.steward, source)).location
            assert isinstance(location, S3Source)
            return location.bucket

        assert await bucket_now() == bucket
        patch = '{"spec":{"endpoint":{"bucketName":"elsewhere"}}}'
        world.kubectl("patch", KINDS[1], provisioner.object_bucket("moved"), "--type=merge", "-p", patch)
        now[0] = REMEMBERED_SECONDS - 0.1
        assert await bucket_now() == bucket
        now[0] = REMEMBERED_SECONDS
        assert await bucket_now() == "elsewhere"
        world.set_status(KINDS[0], "moved", {"phase": "Failed"}, world.steward)
        now[0] += REMEMBERED_SECONDS
        with pytest.raises(SourceError, match="its phase is Failed"):
            await bucket_now()
        world.set_status(KINDS[0], "moved", {"phase": "Bound"}, world.steward)
        with pytest.raises(SourceError, match="its phase is Failed"):
            await bucket_now()
        now[0] += REFUSED_SECONDS
        assert await bucket_now() == "elsewhere"
