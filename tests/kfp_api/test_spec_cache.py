"""The cache of kept pipelines counts each one's bytes once, and stays within its bound."""

import asyncio
import base64
import gzip
from typing import Any, cast

import pytest

from kfp_api import objects, specs
from kfp_api.specs import Specs
from moorage.kube import Client


class SlowServer:
    """An API server with one ConfigMap for each name, which answers a moment later."""

    def __init__(self) -> None:
        self.asked = 0

    async def get(self, _: object, name: str, __: str) -> dict[str, Any]:
        """Answer with a kept pipeline of that name."""
        self.asked += 1
        await asyncio.sleep(0)
        packed = gzip.compress(f'{{"pipelineInfo": {{"name": "{name}"}}, "x": "{"y" * 1000}"}}'.encode())
        return {"binaryData": {objects.FILE: base64.b64encode(packed).decode()}}


async def test_one_version_that_many_ask_for_at_once_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is answered from memory, and others have room beside it."""
    monkeypatch.setattr(specs, "_CACHE_BYTES", 4000)
    server = SlowServer()
    kept = Specs(cast("Client", server))
    for name in ("a", "b"):
        await asyncio.gather(*(kept.of_version("team", name, 1) for _ in range(20)))
    asked = server.asked
    for name in ("a", "b"):
        await kept.of_version("team", name, 1)
    assert server.asked == asked


async def test_what_was_asked_for_last_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first where there is no room."""
    monkeypatch.setattr(specs, "_CACHE_BYTES", 3000)
    server = SlowServer()
    kept = Specs(cast("Client", server))
    for name in ("a", "b", "c"):
        await kept.of_version("team", name, 1)
    await kept.of_version("team", "c", 1)
    assert server.asked == 3
    await kept.of_version("team", "a", 1)
    assert server.asked == 4
