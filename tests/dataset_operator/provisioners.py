"""A provisioner of buckets, as NooBaa and Rook have it (lib-bucket-provisioner), played against a real store."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from moorage.sources import Credentials
from tests.dataset_operator.stores import STEWARD, Store
from tests.world import World

Raw = dict[str, Any]
API_VERSION = "objectbucket.io/v1alpha1"
KINDS = ("objectbucketclaims.objectbucket.io", "objectbuckets.objectbucket.io")


def crd(kind: str, scope: str) -> Raw:
    """A kind, as far as anybody asks here."""
    plural = f"{kind.lower()}s"
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.objectbucket.io"},
        "spec": {
            "group": "objectbucket.io",
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }


def install(world: World) -> None:
    """The kinds that such a provisioner brings."""
    world.apply(crd("ObjectBucketClaim", "Namespaced"), crd("ObjectBucket", "Cluster"))
    world.kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{kind}" for kind in KINDS))


def remove(world: World) -> None:
    """The kinds, and with them all claims and buckets."""
    world.kubectl("delete", "crd", *KINDS, "--ignore-not-found")


@dataclass(frozen=True)
class Provisioner:
    """Serves claims of the steward's with buckets of a store."""

    world: World
    store: Store

    def claim(self, name: str, **spec: object) -> Raw:
        """Make a claim, as a tenant does, and return it."""
        metadata = {"name": name, "namespace": self.world.steward}
        body = {"generateBucketName": name, "storageClassName": "buckets", **spec}
        self.world.apply({"apiVersion": API_VERSION, "kind": "ObjectBucketClaim", "metadata": metadata, "spec": body})
        found: Raw = json.loads(self.world.kubectl("get", KINDS[0], name, "-n", self.world.steward, "-o", "json"))
        return found

    def object_bucket(self, name: str) -> str:
        """The name of the ObjectBucket of a claim."""
        return f"obc-{self.world.steward}-{name}"

    def serve(self, name: str, keys: Credentials = STEWARD, **endpoint: object) -> str:
        """Make a claim and all that the provisioner does about it; returns the bucket."""
        uid = self.claim(name)["metadata"]["uid"]
        bucket, steward = f"{name}-{self.world.tag}", self.world.steward
        self.store.client.create_bucket(Bucket=bucket)
        url = urlsplit(self.store.endpoint)
        place: Raw = {"bucketHost": url.hostname, "bucketPort": url.port, "bucketName": bucket, "region": "us-east-1"}
        place |= {"subRegion": "", "additionalConfig": {}, **endpoint}
        ref = {"apiVersion": API_VERSION, "kind": "ObjectBucketClaim", "namespace": steward, "name": name, "uid": uid}
        spec = {"storageClassName": "buckets", "reclaimPolicy": "Delete", "claimRef": ref, "endpoint": place}
        owner = [{"apiVersion": API_VERSION, "kind": "ObjectBucketClaim", "name": name, "uid": uid}]
        about = {"name": name, "namespace": steward, "ownerReferences": owner}
        told = {"BUCKET_HOST": url.hostname, "BUCKET_PORT": str(url.port), "BUCKET_NAME": bucket, "BUCKET_REGION": ""}
        secret = {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
        self.world.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": told},
            {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": secret},
            {
                "apiVersion": API_VERSION,
                "kind": "ObjectBucket",
                "metadata": {"name": self.object_bucket(name)},
                "spec": spec,
            },
        )
        self.world.set_status(KINDS[1], self.object_bucket(name), {"phase": "Bound"})
        self.claim(name, objectBucketName=self.object_bucket(name), bucketName=bucket)
        self.world.set_status(KINDS[0], name, {"phase": "Bound"}, steward)
        return bucket


def dataset(world: World, name: str, claim: str = "", **changes: object) -> Raw:
    """A governed Dataset of a claim."""
    raw = world.dataset(name, world.eu, residency=["EU"], purposes=["research"], consumers=[f"{world.reader}/trainer"])
    raw["spec"] |= {"sources": [{"site": world.eu, "bucketClaim": {"name": claim or name, "tls": False}}], **changes}
    return raw
