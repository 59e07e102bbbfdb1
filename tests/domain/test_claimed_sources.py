"""Where a bucket claim leads: by the words of the object that the platform bound to it, and by nobody else's. Pure."""

import re
from typing import Any

import pytest

from moorage.errors import SourceError
from moorage.sources import HandOut, unserved
from moorage.sources.bucket_claim import KEY_NAMES, BucketClaimSource
from moorage.sources.claimed import bound_name, check_owned
from moorage.sources.s3 import S3Source

Raw = dict[str, Any]
CLAIM, BUCKET = "ObjectBucketClaim steward/claims", "ObjectBucket obc-steward-claims"
REF = {"namespace": "steward", "name": "claims", "uid": "u1"}
ENDPOINT = {"bucketHost": "s3.store.svc", "bucketPort": 80, "bucketName": "claims-1f", "region": "", "subRegion": ""}
PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
SOURCE = BucketClaimSource("claims")


def a_claim(**changes: Any) -> Raw:  # noqa: ANN401
    """As the provisioner leaves it."""
    spec = {"objectBucketName": "obc-steward-claims"}
    return {"metadata": {**REF}, "spec": spec, "status": {"phase": "Bound"}, **changes}


def a_bucket(phase: str = "Bound", **changes: Any) -> Raw:  # noqa: ANN401
    """Likewise."""
    spec = {"claimRef": {"kind": "ObjectBucketClaim", **REF}, "endpoint": ENDPOINT, **changes}
    return {"metadata": {"name": "obc-steward-claims"}, "spec": spec, "status": {"phase": phase}}


def led_to(source: BucketClaimSource = SOURCE, **endpoint: object) -> S3Source:
    """Where the claim leads with that endpoint."""
    location = source.place(BUCKET, a_bucket(endpoint={**ENDPOINT, **endpoint})).location
    assert isinstance(location, S3Source)
    return location


def test_a_claim_leads_to_a_bucket_with_its_own_keys() -> None:
    """All but the keys' Secret, certificates and folder is the ObjectBucket's; the variables refer to its names."""
    assert bound_name(SOURCE, CLAIM, a_claim()) == "obc-steward-claims"
    check_owned(CLAIM, a_claim(), BUCKET, a_bucket())
    assert led_to() == S3Source("http://s3.store.svc:80", "claims-1f", secret_name="claims", key_names=KEY_NAMES)
    found = led_to(BucketClaimSource("claims", "/2026/", ca_bundle=PEM), bucketPort=443, region="eu-1")
    assert (found.endpoint, found.prefix, found.region, found.ca_bundle) == (
        "https://s3.store.svc:443",
        "/2026/",
        "eu-1",
        PEM,
    )
    told = {"endpoint": "http://s3.store.svc:80", "bucket": "claims-1f"}
    keys = {"accessKeyID": "AWS_ACCESS_KEY_ID", "secretAccessKey": "AWS_SECRET_ACCESS_KEY"}
    assert led_to().hand_out() == HandOut(told, "claims", keys)
    granted = found.granted()
    assert (granted.secret_name, granted.key_names) == (None, ("accessKeyID", "secretAccessKey"))


@pytest.mark.parametrize(
    ("tls", "endpoint", "url"),
    [
        (None, {"bucketPort": 80}, "http://s3.store.svc:80"),
        (None, {"bucketPort": 8080}, "http://s3.store.svc:8080"),
        (None, {"bucketPort": 8080, "ssl": True}, "https://s3.store.svc:8080"),
        (None, {"bucketPort": 443}, "https://s3.store.svc:443"),
        (None, {"bucketPort": 8333}, "https://s3.store.svc:8333"),
        (None, {"bucketPort": 0}, "https://s3.store.svc"),
        (False, {"bucketPort": 8333}, "http://s3.store.svc:8333"),
        (True, {"bucketPort": 80}, "https://s3.store.svc:80"),
        (None, {"bucketHost": "[fd00::1]"}, "http://[fd00::1]:80"),
    ],
)
def test_data_is_sent_in_the_clear_only_where_somebody_said_so(*, tls: bool | None, endpoint: Raw, url: str) -> None:
    """By the two ports that mean it, or by the steward."""
    assert led_to(BucketClaimSource("claims", tls=tls), **endpoint).endpoint == url


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ({"bucketHost": "evil.test/x?"}, "bucketHost is not a host's name"),
        ({"bucketHost": "user:pw@evil.test"}, "bucketHost is not a host's name"),
        ({"bucketHost": None}, "bucketHost is not a host's name"),
        ({"bucketPort": 99999}, "bucketPort is not a port"),
        ({"bucketPort": "80"}, "bucketPort is not a port"),
        ({"bucketName": "a/b"}, "bucket: 'a/b' is not a bucket name"),
        ({"bucketName": ""}, "bucket: is required"),
        ({"region": "x\n[other]"}, "region: must not contain control characters"),
        ({"region": 7}, "region: must be a string"),
    ],
)
def test_a_place_that_can_not_be_is_a_sentence(endpoint: Raw, problem: str) -> None:
    """Naming the object and the field."""
    with pytest.raises(SourceError, match=re.escape(problem)) as caught:
        led_to(**endpoint)
    assert (caught.value.reason, str(caught.value).startswith(BUCKET)) == ("ClaimNotServed", True)
    with pytest.raises(SourceError, match=r"no spec\.endpoint"):
        SOURCE.place(BUCKET, a_bucket(endpoint=None))


@pytest.mark.parametrize(
    "changes",
    [{"uid": "u2"}, {"uid": ""}, {"namespace": "other"}, {"name": "others"}, {"uid": None}],
)
def test_an_object_that_is_anothers_counts_for_nothing(changes: Raw) -> None:
    """A claim may name any ObjectBucket; that one has to name this very claim, made once and not anew."""
    with pytest.raises(SourceError, match="which is not bound to it: create the claim again") as caught:
        check_owned(CLAIM, a_claim(), BUCKET, a_bucket(claimRef={**REF, **changes}))
    assert caught.value.reason == "ClaimElsewhere"
    nothing: tuple[Raw | None, ...] = (None, {})
    for ref in nothing:
        with pytest.raises(SourceError, match="which is not bound to it"):
            check_owned(CLAIM, a_claim(), BUCKET, a_bucket(claimRef=ref))
    nameless = a_claim(metadata={})
    with pytest.raises(SourceError, match="which is not bound to it"):
        check_owned(CLAIM, nameless, BUCKET, a_bucket(claimRef={}))


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (a_claim(status={}), "ClaimNotBound"),
        (a_claim(status={"phase": "Pending"}), "ClaimNotBound"),
        (a_claim(spec={}), "ClaimNotBound"),
        (a_claim(metadata={**REF, "deletionTimestamp": "2026-12-01T00:00:00Z"}), "ClaimNotBound"),
        (a_claim(spec={"objectBucketName": "../secrets"}), "ClaimElsewhere"),
        (a_claim(spec={"objectBucketName": ["x"]}), "ClaimNotBound"),
    ],
)
def test_a_claim_that_is_bound_to_nothing_is_a_sentence(claim: Raw, reason: str) -> None:
    """With what to do; a name that leads elsewhere at the API server is asked for by nobody."""
    with pytest.raises(SourceError, match=f"^{CLAIM}") as caught:
        bound_name(SOURCE, CLAIM, claim)
    assert caught.value.reason == reason


def test_a_bucket_that_nobody_has_any_more() -> None:
    """Its phase says so."""
    with pytest.raises(SourceError, match="is Released and not Bound") as caught:
        check_owned(CLAIM, a_claim(), BUCKET, a_bucket("Released"))
    assert caught.value.reason == "ClaimNotBound"


def test_nothing_but_the_cluster_tells_where_a_claim_leads() -> None:
    """A folder that a status says was found is no place; without the cluster's word the claim is granted to nobody."""
    assert SOURCE.resolved("x", "y") is SOURCE
    assert not SOURCE.served
    assert "is not known yet" in str(unserved(SOURCE))
    assert SOURCE.hand_out() == "a source of kind bucketClaim"
