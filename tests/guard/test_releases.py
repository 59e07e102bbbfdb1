"""What a pod runs that makes a release is what its steward has seen, as long as it runs."""

from typing import Any

import pytest

from moorage.errors import KubeError
from moorage.kube import PODS, Client
from tests.guard.test_later import make
from tests.webhook.pods import NAMESPACE, an_s3_dataset, make_pod, reading, serve

Raw = dict[str, Any]
PATH = PODS.path(NAMESPACE, "reader")
PLAIN = reading("claims")
RELEASE = {**PLAIN, "dataset.0.release": "totals"}
STRATEGIC = "application/strategic-merge-patch+json"
IMAGE = {"spec": {"containers": [{"name": "app", "image": "docker.io/evil:1"}]}}
SERVER = {"spec": {"initContainers": [{"name": "moorage-mount", "image": "docker.io/evil:1"}]}}
DEBUGGER = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "docker.io/moorage/test:1"}]}}


async def change(client: Client, body: Raw, subresource: str = "") -> str:
    """The sentence with which a change is refused; "" where it is not."""
    try:
        await client.request("PATCH", f"{PATH}{subresource}", body=body, content_type=STRATEGIC)
    except KubeError as error:
        if (error.status, error.reason) != (403, "Forbidden"):
            raise
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("body", "subresource", "told"),
    [
        (IMAGE, "", "images of a pod that makes a release"),
        (SERVER, "", "images of a pod that makes a release"),
        (DEBUGGER, "/ephemeralcontainers", "gets no other container"),
    ],
)
async def test_a_release_stays_what_it_is(client: Client, body: Raw, subresource: str, told: str) -> None:
    """Anybody's other pod may be changed so."""
    await make(client, serve(make_pod(labels=RELEASE), an_s3_dataset()))
    assert told in await change(client, body, subresource)
    await make(client, serve(make_pod(labels=PLAIN), an_s3_dataset()))
    assert await change(client, body, subresource) == ""


async def test_the_rest_of_a_release_may_change(client: Client) -> None:
    """Its annotations, and what it may take of the node."""
    await make(client, serve(make_pod(labels=RELEASE), an_s3_dataset()))
    assert await change(client, {"metadata": {"annotations": {"a": "b"}}}) == ""
    limits = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "1Gi"}}}]}}
    assert await change(client, limits, "/resize") == ""
