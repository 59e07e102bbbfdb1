"""What counts as keys in a Secret."""

import base64

import pytest

from moorage.errors import SourceError
from moorage.kube import Client
from moorage.kube.credentials import credentials_of, read_credentials
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from moorage.sources.web_identity import WebIdentity
from tests.planes import client, namespace

__all__ = ["client", "namespace"]


def secret(**data: str) -> dict[str, dict[str, str]]:
    """A raw Secret."""
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


@pytest.mark.parametrize(
    ("raw", "keys"),
    [
        (secret(accessKeyID="a", secretAccessKey="b"), Credentials("a", "b")),
        (secret(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b"), Credentials("a", "b")),
        (secret(accessKeyID="a\n", secretAccessKey="b\n"), Credentials("a", "b")),
        (secret(accessKeyID="a", secretAccessKey="b", AWS_SESSION_TOKEN="t"), Credentials("a", "b", "t")),
        (secret(accessKeyID="a", AWS_ACCESS_KEY_ID="z", secretAccessKey="b"), Credentials("a", "b")),
    ],
)
def test_keys_that_count(raw: dict[str, dict[str, str]], keys: Credentials) -> None:
    """Datashim's names, AWS's names, line ends that `echo` left."""
    assert credentials_of(raw, "Secret steward/keys") == keys


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({}, "has no accessKeyID and no secretAccessKey"),
        (secret(accessKeyID="a"), "has no secretAccessKey"),
        (secret(accessKeyID="", secretAccessKey="hidden-value"), "has no accessKeyID"),
        (secret(accessKeyID="  ", secretAccessKey="hidden-value"), "has no accessKeyID"),
        ({"data": {"accessKeyID": "///x", "secretAccessKey": "AA=="}}, "value of accessKeyID is not a valid key"),
    ],
)
def test_what_is_missing_is_named(raw: dict[str, dict[str, str]], told: str) -> None:
    """The Secret and the key are named, values never."""
    with pytest.raises(SourceError, match=told) as caught:
        credentials_of(raw, "Secret steward/keys")
    assert caught.value.reason == "SecretKeyMissing"
    assert str(caught.value).startswith("Secret steward/keys: ")
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize("name", ["..", "../pods/x", "a/b", "Upper", "a?x=1"])
async def test_a_name_that_no_secret_has_is_not_asked_for(client: Client, namespace: str, name: str) -> None:
    """Names become paths at the API server: what is no name is refused before anything is asked."""
    with pytest.raises(SourceError, match="is not a name") as caught:
        await read_credentials(client, namespace, S3Source("http://s3", "b", secret_name=name))
    assert caught.value.reason == "SecretNotFound"


async def test_what_cannot_be_served_is_told(client: Client, namespace: str) -> None:
    """A Secret that is not there; a role that is not served yet; keys in line; none at all."""
    assert await read_credentials(client, namespace, S3Source("http://s3", "b")) is None
    with pytest.raises(SourceError, match="create it with the keys") as caught:
        await read_credentials(client, namespace, S3Source("http://s3", "b", secret_name="nowhere"))
    assert caught.value.reason == "SecretNotFound"
    with pytest.raises(SourceError) as caught:
        await read_credentials(client, namespace, S3Source("http://s3", "b", web_identity=WebIdentity("arn:x")))
    assert caught.value.reason == "SourceNotSupported"
    keys = Credentials("a", "b")
    assert await read_credentials(client, namespace, S3Source("http://s3", "b", inline_credentials=keys)) == keys


def test_keys_are_never_printed() -> None:
    """Neither by str nor by repr."""
    assert "hidden" not in f"{Credentials('hidden', 'hidden', 'hidden')} {Credentials('hidden', 'hidden')!r}"
