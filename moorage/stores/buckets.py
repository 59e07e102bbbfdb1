"""A bucket for something of Moorage's own, told by settings, options or a ConfigMap as a Dataset tells an s3 source."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from moorage.errors import InputError
from moorage.reading.fields import Fields
from moorage.sources.s3 import S3Source

Bucket: TypeAlias = S3Source


def read_bucket(raw: Mapping[str, Any], subject: str, field: str = "") -> Bucket:
    """Read a bucket from its mapping.

    Raises:
        InputError: it says what no bucket has, or not what each needs.
    """
    fields = Fields(subject, field, dict(raw))
    bucket = S3Source.read(fields)
    if bucket.provision is not None:
        fields.fail("provision", "is not a field here: make the bucket yourself")
    fields.finish()
    return bucket


def parse_bucket(text: str, subject: str, field: str) -> Bucket:
    """Parse a bucket from JSON.

    Raises:
        InputError: it is none, or no bucket.
    """
    try:
        raw = json.loads(text)
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        raise InputError(subject, field, "is no JSON object")
    return read_bucket(raw, subject, field)


def write_bucket(bucket: Bucket) -> str:
    """Write a bucket as JSON, without a key."""
    return json.dumps(bucket.write(), sort_keys=True)
