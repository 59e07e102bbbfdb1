"""Questions that nobody needs to be asked about are paced, too: a pod can't keep the driver busy with them."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from node_plugin import attaching
from node_plugin.attaching import Attacher
from node_plugin.journal import Journal
from node_plugin.sidecar.exchange import AttachRequest, PartRequest, RenewRequest, Request


class NodeWithNothing:
    """The node of a pod that has no volume yet."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder)


@pytest.mark.parametrize(
    "request_",
    [AttachRequest("claims", holds_grant=False), PartRequest("claims"), RenewRequest("claims")],
    ids=lambda each: type(each).__name__,
)
async def test_what_is_asked_of_no_volume_has_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    """The answer comes after a pause, and then says what is missing."""
    passed = asyncio.Event()

    async def pause(seconds: float) -> None:
        assert seconds > 0
        await passed.wait()

    monkeypatch.setattr(attaching, "_pause", pause)
    attacher = Attacher(cast("Any", NodeWithNothing(tmp_path)))
    asking = asyncio.create_task(attacher.answer("uid", request_))
    done, _ = await asyncio.wait([asking], timeout=0.05)
    assert not done
    passed.set()
    answer, descriptors = await asking
    assert (answer.status, descriptors) == ("unavailable", ())
