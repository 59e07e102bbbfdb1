"""What the pod's author is told when the store does not give the data out: which error, what to do, and no secret."""

import pytest

from moorage.sources import Credentials
from node_plugin.sidecar.remotes import http, s3
from node_plugin.sidecar.store_errors import trouble_of
from tests.node_plugin.object_stores import BUCKET, ObjectStore
from tests.node_plugin.played_broker import SECRET_KEY, PlayedBroker
from tests.node_plugin.played_node import MakePod, Node, wait_for

GOOD = Credentials("steward", SECRET_KEY)
WRONG_SECRET = "a-secret-that-no-key-has-and-nobody-may-see"
_REQUEST = "operation error S3: ListObjects, https response error StatusCode: "


@pytest.mark.parametrize(
    ("status", "printed", "told", "stands"),
    [
        (1, f"{_REQUEST}403, api error InvalidAccessKeyId: The key", "does not know the access key", True),
        (1, f"{_REQUEST}403, api error SignatureDoesNotMatch: ...", "SignatureDoesNotMatch", True),
        (1, f"{_REQUEST}403, api error AccessDenied: Access Denied.", "may not list the folder (AccessDenied)", True),
        (1, f"{_REQUEST}403, api error Forbidden: Forbidden", "may not list the folder (Forbidden)", True),
        (1, f"{_REQUEST}400, api error ExpiredToken: ...", "session token (ExpiredToken)", True),
        (3, "ERROR : error listing: directory not found", "no such bucket", True),
        (1, f"{_REQUEST}301, api error PermanentRedirect: ...", "another region", True),
        (1, f"{_REQUEST}403, api error RequestTimeTooSkewed: ...", "clocks", False),
        (1, f"{_REQUEST}503, api error SlowDown: ...", "asks for fewer requests", False),
        (1, "dial tcp: lookup nowhere.invalid on 10.0.0.10:53: no such host", "not known to this node's DNS", False),
        (5, "dial tcp 127.0.0.1:1: connect: connection refused", "nothing listens", False),
        (1, "http: server gave HTTP response to HTTPS client", "speaks plain HTTP", False),
        (1, "tls: failed to verify certificate: x509: certificate signed by unknown authority", "caBundle", False),
        (1, f"{_REQUEST}500, api error Whatever: {WRONG_SECRET}", "HTTP status 500", False),
        (1, f"api error Mine: {WRONG_SECRET}", "not known here", False),
        (1, "", "not known here", False),
        (None, "", "does not answer", False),
    ],
)
def test_errors_in_words(status: int | None, printed: str, told: str, stands: bool) -> None:  # noqa: FBT001
    """Each with a remedy; only what somebody has to change is worth no further question."""
    trouble = trouble_of(status, printed, s3.WORDS)
    assert told in trouble.message
    assert trouble.stands is stands
    assert WRONG_SECRET not in trouble.message


def test_messages_name_the_fields_of_their_kind() -> None:
    """Nobody is sent to a field that the source does not have."""
    assert "check http.url in the Dataset" in trouble_of(5, "connect: connection refused", http.WORDS).message
    assert "put into http.caBundle" in trouble_of(1, "x509: unknown authority", http.WORDS).message
    assert "http.url corrected" in trouble_of(3, "error listing: directory not found", http.WORDS).message


@pytest.mark.real
@pytest.mark.parametrize(
    ("change", "credentials", "told"),
    [
        ({}, Credentials("nobody", WRONG_SECRET), "InvalidAccessKeyId"),
        ({}, Credentials("steward", WRONG_SECRET), "SignatureDoesNotMatch"),
        ({"endpoint": "http://nowhere.invalid"}, GOOD, "DNS"),
        ({"endpoint": "http://127.0.0.1:1"}, GOOD, "nothing listens"),
        ({"prefix": "store-errors/object"}, GOOD, "names an object and no folder"),
    ],
)
def test_a_mount_that_can_not_begin_names_the_stores_error(  # noqa: PLR0913, PLR0917 - fixtures
    node: Node,
    make_pod: MakePod,
    object_store: ObjectStore,
    broker: PlayedBroker,
    change: dict[str, str],
    credentials: Credentials,
    told: str,
) -> None:
    """In the sidecar's log and to whoever asks whether it is ready; the hook fails where waiting changes nothing."""
    object_store.client.put_object(Bucket=BUCKET, Key="store-errors/object", Body=b"x")
    broker.grant("fraud/claims", object_store.source("store-errors") | change, credentials=credentials)
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.start_sidecar(pod, "claims")
    wait_for("the sidecar to say why", lambda: told in node.sidecar_log(pod))
    assert WRONG_SECRET not in node.sidecar_log(pod)
    assert "exit status" not in node.sidecar_log(pod)
    if credentials is not GOOD:
        code, said = node.hook(pod, "claims", 60)
        assert (code, told in said) == (1, True)


@pytest.mark.real
def test_a_secret_that_was_mended_is_enough(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """The sidecar asks for a grant anew each time."""
    object_store.client.put_object(Bucket=BUCKET, Key="store-errors/object", Body=b"x")
    source = object_store.source("store-errors")
    broker.grant("fraud/claims", source, credentials=Credentials("steward", WRONG_SECRET))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.start_sidecar(pod, "claims")
    wait_for("the sidecar to say why", lambda: "SignatureDoesNotMatch" in node.sidecar_log(pod))
    broker.grant("fraud/claims", source)
    wait_for("the mount", lambda: "claims: served" in node.sidecar_log(pod))
    code = "import os, sys; print(os.listdir(sys.argv[1]))"
    app = node.start_container(pod, "claims", code)
    assert app.communicate(timeout=30)[0] == b"['object']\n"


@pytest.mark.real
def test_a_bucket_that_is_missing_is_no_empty_folder(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """It is to rclone; so the sidecar asks before it serves what the operator has not listed yet."""
    source = object_store.source("store-errors") | {"bucket": "missing"}
    broker.grant("fraud/claims", source, version=None)
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    node.start_sidecar(pod, "claims")
    wait_for("the sidecar to say why", lambda: "there is no such bucket" in node.sidecar_log(pod))
    assert "claims: served" not in node.sidecar_log(pod)
    broker.grant("fraud/claims", source | {"bucket": BUCKET}, version=None)
    wait_for("the mount", lambda: "claims: served" in node.sidecar_log(pod))
