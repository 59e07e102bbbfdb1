"""The object stores of the demo's sites, through boto3."""

import contextlib
from typing import Any

import boto3
from botocore.config import Config

from devcluster.object_store import ObjectStore
from devcluster.spec import Identity


def connect(store: ObjectStore, account: Identity | None = None) -> Any:  # noqa: ANN401 - boto3 has no types
    """Return an S3 client of a site's store, with an account's keys; without one, with the administrator's."""
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.region,
        aws_access_key_id=account.access_key if account else store.access_key,
        aws_secret_access_key=account.secret_key if account else store.secret_key,
        config=Config(retries={"mode": "standard", "max_attempts": 5}, s3={"addressing_style": "path"}),
    )


def make(client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 has no types
    """Create the bucket where it is not there."""
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=bucket)
