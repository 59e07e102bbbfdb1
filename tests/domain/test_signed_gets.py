"""Signatures beside botocore's."""

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoKeys
from hypothesis import given
from hypothesis import strategies as st

from moorage.sources import Credentials
from moorage.sources.signed_gets import Request, encode_path, encode_query, sign
from moorage.sources.signed_puts import sign_put

KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@pytest.mark.parametrize("token", [None, "session"])
@given(key=KEYS, prefix=KEYS)
def test_signatures_are_botocores(token: str | None, key: str, prefix: str) -> None:
    """For any key and any query, with and without a session token."""
    path, query = encode_path(f"/bucket/{key}"), encode_query({"prefix": prefix, "list-type": "2"})
    theirs = AWSRequest("GET", f"http://s3.test:9000{path}?{query}", headers={"If-Match": '"x"'})
    S3SigV4Auth(BotoKeys("id", "secret", token), "s3", "eu-1").add_auth(theirs)
    now = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = Request("s3.test:9000", path, query, {"If-Match": '"x"'})
    ours = sign(request, Credentials("id", "secret", token), "eu-1", now)
    # botocore hashes the empty body likewise, unless the connection is TLS.
    assert theirs.headers["X-Amz-Content-SHA256"] == ours["x-amz-content-sha256"]
    assert theirs.headers["Authorization"] == ours["Authorization"]


@given(key=KEYS, content=st.binary(max_size=20))
def test_signatures_of_puts_are_botocores(key: str, content: bytes) -> None:
    """With the content's hash, and the headers by which an object is written once and kept."""
    path = encode_path(f"/bucket/{key}")
    headers = {"If-None-Match": "*", "x-amz-object-lock-mode": "GOVERNANCE"}
    theirs = AWSRequest("PUT", f"http://s3.test:9000{path}", headers=headers, data=content)
    S3SigV4Auth(BotoKeys("id", "secret"), "s3", "eu-1").add_auth(theirs)
    now = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = Request("s3.test:9000", path, "", headers)
    ours = sign_put(request, content, Credentials("id", "secret"), "eu-1", now)
    assert theirs.headers["X-Amz-Content-SHA256"] == ours["x-amz-content-sha256"]
    assert theirs.headers["Authorization"] == ours["Authorization"]


def test_nobody_signs_nothing() -> None:
    """A bucket that anybody may read is asked without keys."""
    request = Request("s3.test:9000", "/bucket/key", "", {"Range": "bytes=0-1"})
    assert sign(request, None, "eu-1", datetime.now(tz=UTC)) == {"Range": "bytes=0-1", "Host": "s3.test:9000"}
