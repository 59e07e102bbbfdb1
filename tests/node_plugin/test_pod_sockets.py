"""The sockets in pods' volumes against whoever connects to them: a pod can keep only itself waiting."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from node_plugin import pod_paths
from node_plugin.pod_sockets import VOLUME, PodSockets
from node_plugin.sidecar.exchange import (
    MOST_REQUEST_BYTES,
    SOCKET_NAME,
    AttachAnswer,
    AttachRequest,
    Request,
    read_answer,
    write_request,
)

MINE, THEIRS = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
QUESTION = write_request(AttachRequest("claims", holds_grant=False))


@pytest.fixture
async def sockets(tmp_path: Path) -> AsyncIterator[PodSockets]:
    """Two pods' sockets, on which every question is answered at once."""

    async def answer(_pod_uid: str, _request: Request) -> tuple[AttachAnswer, tuple[int, ...]]:
        return AttachAnswer("mounted"), ()

    made = PodSockets(tmp_path, answer, os.getuid())
    for pod in (MINE, THEIRS):
        pod_paths.empty_dir_path(tmp_path, pod, VOLUME).mkdir(parents=True)
        made.listen(pod)
    yield made
    await made.stop_all()


async def ask(kubelet_dir: Path, pod: str, sent: bytes = QUESTION) -> str:
    """The status of the answer; "" where there was none."""
    directory = os.open(pod_paths.empty_dir_path(kubelet_dir, pod, VOLUME), os.O_PATH)
    try:
        reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
    finally:
        os.close(directory)
    try:
        writer.write(sent)
        async with asyncio.timeout(30):
            line = await reader.readline()
        return read_answer(line).status if line else ""
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.mark.usefixtures("sockets")
async def test_who_says_nothing_keeps_its_own_pod_waiting_for_seconds(tmp_path: Path) -> None:
    """As many silent connections as are heard at once: another pod is answered meanwhile, the pod itself afterwards."""
    silent = [asyncio.create_task(ask(tmp_path, MINE, b"{")) for _ in range(4)]
    await asyncio.sleep(0.1)
    own = asyncio.create_task(ask(tmp_path, MINE))
    assert await ask(tmp_path, THEIRS) == "mounted"
    assert not own.done()
    assert await asyncio.gather(*silent) == [""] * 4  # given up long before a broker's answer would be
    assert await own == "mounted"


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("sent", [b"x" * (MOST_REQUEST_BYTES + 1), b"[]\n", b'{"op":"other"}\n'])
async def test_nonsense_is_refused_and_slows_who_sends_it(tmp_path: Path, sent: bytes) -> None:
    """In a loop, it is heard 16 times a second at most; other pods don't notice."""
    refused = 0

    async def insist() -> None:
        nonlocal refused
        while True:
            assert await ask(tmp_path, MINE, sent) == "refused"
            refused += 1

    began = time.monotonic()
    insisting = [asyncio.create_task(insist()) for _ in range(4)]
    while time.monotonic() - began < 1.5:
        assert await ask(tmp_path, THEIRS) == "mounted"
        assert not any(task.done() for task in insisting)
        await asyncio.sleep(0.05)
    most = 4 * ((time.monotonic() - began) / 0.25 + 1)
    assert 4 <= refused <= most
    for task in insisting:
        task.cancel()
    await asyncio.gather(*insisting, return_exceptions=True)
