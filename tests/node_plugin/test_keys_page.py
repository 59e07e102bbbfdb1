"""Keys that end, and an rclone that runs on: it has others in time, and nobody else has any."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import pytest

from moorage.errors import MountError
from moorage.sources import Credentials
from node_plugin.sidecar.keys_page import KeysPage, Renew
from tests.node_plugin.object_stores import BUCKET, ObjectStore
from tests.node_plugin.played_broker import SECRET_KEY
from tests.node_plugin.played_node import BIN, wait_for
from tests.ports import accepts, free_port

STEWARD = Credentials("steward", SECRET_KEY)
# AWS's client comes for others when less is left.
_CLIENT_COMES_SECONDS = 300


def ending(keys: Credentials, seconds: float) -> Credentials:
    """Keys that end so soon."""
    return replace(keys, ends_at=int(time.time() + seconds))


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[KeysPage]:
    """A page with keys that end in a minute."""
    renew: Renew = request.param
    made = KeysPage(ending(Credentials("old", "old"), 60), renew)
    yield made
    made.close()


def ask(page: KeysPage, secret: str) -> tuple[int, str]:
    """Ask the page for keys."""
    url = page.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    answer = httpx.get(url, headers=httpx.Headers({"Authorization": secret}, encoding="utf-8"))
    return answer.status_code, answer.text


def fails() -> Credentials:
    """A node plugin that is being restarted."""
    message = "no node plugin"
    raise MountError(message)


@pytest.mark.parametrize(
    ("page", "status", "told"),
    [
        (lambda: ending(Credentials("new", "new", "token"), 900), 200, '"AccessKeyId": "new"'),
        (lambda: "the right is gone", 403, "the right is gone"),
        (fails, 200, '"AccessKeyId": "old"'),
    ],
    indirect=["page"],
    ids=["renewed", "refused", "nobody answers"],
)
def test_keys_that_end_soon_are_renewed(page: KeysPage, status: int, told: str) -> None:
    """Where nobody answers, the old ones do until they end; a refusal is one at once. Without the secret: nothing."""
    assert ask(page, page.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])[0] == status
    assert told in ask(page, page.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])[1]
    for secret in ("", "guessed", "ä"):
        refused, body = ask(page, secret)
        assert refused == 403
        assert "new" not in body


def test_rclone_comes_again_before_the_keys_end(object_store: ObjectStore, tmp_path: Path) -> None:
    """The same process reads with the first keys and with later ones; its configuration has none."""
    object_store.client.put_object(Bucket=BUCKET, Key="renewed/a", Body=b"bytes")
    given: list[Credentials] = []

    def renew() -> Credentials:
        given.append(ending(STEWARD, _CLIENT_COMES_SECONDS + 2))
        return given[-1]

    page, port = KeysPage(ending(Credentials("nobody", "nothing"), 1), renew), free_port()
    (tmp_path / "rclone.conf").write_text(
        f"[source]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {object_store.endpoint}\n"
    )
    server = subprocess.Popen(
        [BIN / "rclone", "serve", "http", f"source:{BUCKET}/renewed", f"--addr=127.0.0.1:{port}",
         f"--config={tmp_path / 'rclone.conf'}"],
        env={"PATH": "/usr/bin:/bin", **page.environment},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for("rclone", lambda: accepts(port))

        def read_again() -> bool:
            assert httpx.get(f"http://127.0.0.1:{port}/a").content == b"bytes"
            return len(given) > 1

        wait_for("other keys", read_again)
    finally:
        server.kill()
        server.wait()
        page.close()
