"""What a node says of copies that could not be made: as long as a pod waits for one, and no longer."""

import time
from pathlib import Path
from typing import Any, cast

import pytest

from moorage.errors import BrokerError
from moorage.grants.question import PodIdentity
from moorage.model import DatasetRef
from moorage.queueing.keyed_locks import KeyedLocks
from node_plugin.caching import fills
from node_plugin.caching.fills import Fills
from node_plugin.caching.state import CacheLimits, CacheState
from node_plugin.caching.store import Store
from node_plugin.caching.usage import Usage
from node_plugin.journal import Journal
from tests.polling import until

REF = DatasetRef("stewards", "archive")
POD = PodIdentity("fraud", "reader", "11111111-2222-3333-4444-555555555555")


class AwayBroker:
    """A broker that can't be asked."""

    async def ask(self, _: object) -> None:
        """Answer nothing."""
        raise BrokerError("the broker does not answer")


async def _nothing_shown(_: object) -> None:
    pass


def make_fills(folder: Path) -> Fills:
    """The fills of a node whose broker is away."""
    broker = cast("Any", AwayBroker())
    state = CacheState(
        store=Store(folder / "cache"),
        usage=Usage(folder / "usage", time.time),
        journal=Journal(folder / "journal"),
        broker=broker,
        watcher=broker,
        locks=KeyedLocks(),
        limits=CacheLimits(size_bytes=1 << 30),
    )
    return Fills(state, _nothing_shown)


async def test_a_copy_that_a_pod_waits_for_is_told_of_until_none_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubelets ask again within minutes; a dataset that nobody asks for any more is forgotten."""
    made = make_fills(tmp_path)
    made.want(REF, POD)
    await until(lambda: bool(made.last(REF)))
    assert made.in_vain().keys() == {REF}
    monkeypatch.setattr(fills, "_AWAITED_SECONDS", 0.0)
    assert made.in_vain() == {}
    await made.close()


async def test_a_copy_that_nobody_waited_for_is_not_told_of(tmp_path: Path) -> None:
    """A fill beside a pod's stream, whose pod has gone meanwhile."""
    made = make_fills(tmp_path)
    made.want(REF, POD)
    await until(lambda: bool(made.last(REF)))
    await made.end(REF)
    made._awaited.clear()  # noqa: SLF001 - as if it had been begun beside a stream
    assert made.in_vain() == {}
    assert made.last(REF) == ""
