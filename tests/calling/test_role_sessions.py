"""Keys for a token, at a real store: what they are good for, and what is said where there are none."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from moorage.calling import role_sessions
from moorage.calling.role_sessions import Rejected, assume_role, session_name
from moorage.errors import SourceError
from moorage.sources import Credentials
from moorage.sources.web_identity import SessionRequest
from tests.node_plugin.object_stores import BUCKET
from tests.node_plugin.played_node import AUDIENCE
from tests.trusting_store import Issuer, TrustingStore, run_trusting_store

READER = "delays-team/reader"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """Whose tokens the store trusts."""
    return Issuer()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[TrustingStore]:
    """A store whose role is for one account."""
    with run_trusting_store(tmp_path_factory.mktemp("weed"), issuer.url, issuer.jwks, [READER]) as running:
        running.put("flights/a", "flights2/a", "other")
        yield running


def session(store: TrustingStore, *, writes: bool = False, **identity: Any) -> SessionRequest:  # noqa: ANN401 - of WebIdentity
    """A session for one folder."""
    request = store.source("/flights/", **identity).session(writes=writes)
    assert request is not None
    return request


def permitted(store: TrustingStore, keys: Credentials) -> set[str]:
    """What may be done with keys, of all that somebody might try."""
    client = boto3.client(
        "s3",
        endpoint_url=store.store.endpoint,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        region_name="us-east-1",
        verify=False,
    )
    tries: dict[str, Callable[[], object]] = {
        "list": lambda: client.list_objects_v2(Bucket=BUCKET, Prefix="flights/"),
        "read": lambda: client.get_object(Bucket=BUCKET, Key="flights/a"),
        "write": lambda: client.put_object(Bucket=BUCKET, Key="flights/b", Body=b"b"),
        "delete": lambda: client.delete_object(Bucket=BUCKET, Key="flights/b"),
        "list all": lambda: client.list_objects_v2(Bucket=BUCKET),
        "list beside": lambda: client.list_objects_v2(Bucket=BUCKET, Prefix="flights2/"),
        "read beside": lambda: client.get_object(Bucket=BUCKET, Key="flights2/a"),
        "write beside": lambda: client.put_object(Bucket=BUCKET, Key="other", Body=b"x"),
        "list buckets": lambda: client.list_objects_v2(Bucket="elsewhere"),
    }
    done, refused = set(), []
    for what, act in tries.items():
        try:
            act()
        except ClientError as error:
            refused.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
        else:
            done.add(what)
    assert set(refused) == {403}
    return done


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_keys_are_good_for_one_folder(store: TrustingStore, issuer: Issuer) -> None:
    """The role may do everything; the session reads the dataset, and writes it where that is granted."""
    reading = assume_role(session(store), session_name("moorage-pod uid"), issuer.token(READER))
    writing = assume_role(session(store, writes=True), "moorage-x", issuer.token(READER))
    assert isinstance(reading, Credentials)
    assert isinstance(writing, Credentials)
    assert permitted(store, reading) == {"list", "read"}
    assert permitted(store, writing) == {"list", "read", "write", "delete"}


@pytest.mark.parametrize(
    ("token", "role", "told"),
    [
        (("delays-team/other", AUDIENCE), "reader", ("AccessDenied", "add that account to the role's trust policy")),
        ((READER, AUDIENCE), "none", ("AccessDenied", "assume role")),
        ((READER, "others"), "reader", ("InvalidParameterValue", "webIdentity.audience")),
    ],
)
def test_a_refusal_is_a_value(
    store: TrustingStore, issuer: Issuer, token: tuple[str, str], role: str, told: tuple[str, str]
) -> None:
    """With the store's own word for it, and with what to do about it."""
    found = assume_role(session(store, role_arn=f"arn:aws:iam::role/{role}"), "moorage-x", issuer.token(*token))
    assert isinstance(found, Rejected)
    assert (found.code, told[1] in found.why) == (told[0], True)


def test_a_token_that_ended_may_be_followed_by_another(store: TrustingStore, issuer: Issuer) -> None:
    """It is no refusal: the kubelet brings another one."""
    with pytest.raises(SourceError, match="ExpiredToken"):
        assume_role(session(store), "moorage-x", issuer.token(READER, seconds=-30))


@contextmanager
def strange_server(speak: Callable[[BaseHTTPRequestHandler], object]) -> Iterator[SessionRequest]:
    """A server that answers in its own way, and what is asked of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            speak(self)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield SessionRequest(
            endpoint=url, named_in="s3.endpoint", ca_bundle=None, role_arn="arn:x", seconds=900, policy="{}"
        )
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\n\r\nSENT", "EndpointRefused"),
        (b"HTTP/1.1 403 No\r\n\r\n<Error><Code>SENT</Code><Message>SENT</Message></Error>", "EndpointRefused"),
        (b"HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE x [<!ENTITY a 'SENT'>]><AccessKeyId>&a;</AccessKeyId>", "EndpointNotS3"),
        (b"HTTP/1.1 200 OK\r\n\r\n<R><AccessKeyId>SENT</AccessKeyId></R>", "EndpointNotS3"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000, "EndpointNotS3"),
        (b"nothing that HTTP knows SENT\r\n\r\n", "EndpointUnreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken off", "EndpointUnreachable"),
    ],
    ids=["redirect", "repeated", "entities", "no keys", "long", "no HTTP", "broken off"],
)
def test_nothing_of_a_strange_answer_is_passed_on(answer: bytes, reason: str) -> None:
    """No redirect is followed, nothing large is read, and what was sent is in no message, whoever repeats it."""

    def repeat(request: BaseHTTPRequestHandler) -> None:
        sent = request.rfile.read(int(request.headers["Content-Length"]))
        request.wfile.write(answer.replace(b"SENT", sent))

    with strange_server(repeat) as asked, pytest.raises(SourceError) as caught:
        assume_role(asked, "moorage-x", "header.payload.signature")
    assert caught.value.reason == reason
    assert "payload" not in str(caught.value)


def test_a_server_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it sends a byte."""
    monkeypatch.setattr(role_sessions, "_MOST_SECONDS", 0.5)
    stop = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            while not stop.wait(0.05):
                request.wfile.write(b"H")

    with strange_server(drip) as asked, pytest.raises(SourceError, match="does not answer"):
        assume_role(asked, "moorage-x", "header.payload.signature")
    stop.set()


def test_a_name_of_a_session_is_one_that_stores_take() -> None:
    """What they don't take is replaced, and the end is cut off."""
    assert session_name("moorage-ä b/c") == "moorage---b-c"
    assert len(session_name("x" * 100)) == 64
