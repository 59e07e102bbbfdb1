"""Which objects a kind of claim is of. A further kind is a line here."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.kube import (
    OBJECT_BUCKET_CLAIMS,
    OBJECT_BUCKETS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    Resource,
)
from moorage.sources.bucket_claim import BucketClaimSource
from moorage.sources.claimed import ClaimedSource
from moorage.sources.pvc import PvcSource


@dataclass(frozen=True, slots=True)
class Claims:
    """What is read of the cluster for a kind.

    Attributes:
        claim: a tenant's, in the Dataset's namespace.
        owned: the platform's, bound to one claim.
        provider: who brings such objects into a cluster that has none of the kind.
    """

    claim: Resource
    owned: Resource
    provider: str


CLAIMS: Mapping[type[ClaimedSource], Claims] = {
    PvcSource: Claims(PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, "Kubernetes"),
    BucketClaimSource: Claims(OBJECT_BUCKET_CLAIMS, OBJECT_BUCKETS, "NooBaa or Rook, for example"),
}
