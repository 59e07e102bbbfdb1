"""Everything in the node plugin is killed at random moments under readers: no read is lost, no byte is wrong.

`MOORAGE_CHAOS_SECONDS=600` goes on for ten minutes, `MOORAGE_CHAOS_SEED` repeats what was killed in which order, and
pytest's `--log-cli-level=INFO` tells of it.
"""

import hashlib
import logging
import os
import random
import signal
from pathlib import Path

import pytest

from tests.node_plugin.chaos import Chaos, processes_in
from tests.node_plugin.object_stores import ObjectStore
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import MakePod, Node, rclones_of, wait_for

pytestmark = pytest.mark.real

_log = logging.getLogger(__name__)

SECONDS = float(os.environ.get("MOORAGE_CHAOS_SECONDS", "20"))
SEED = os.environ.get("MOORAGE_CHAOS_SEED") or str(random.randrange(10**6))  # noqa: S311 - chosen by nobody's secret

ROOM = "6Mi"
"""Less than some of the datasets have, and more than others: of those a part is kept, these become whole."""


@pytest.mark.timeout(SECONDS + 900)
def test_whatever_is_killed_no_read_is_lost(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker, cache_dir: Path
) -> None:
    """Readers of copies notice nothing; those of streams get errors and then the right bytes; nothing is left."""
    _log.info("MOORAGE_CHAOS_SEED=%s", SEED)
    node.stop_driver()
    node.environment["MOORAGE_CACHE_SIZE_LIMIT"] = ROOM
    node.start_driver()
    chaos = Chaos(node, make_pod, object_store, broker, cache_dir, random.Random(SEED))  # noqa: S311
    chaos.rage(SECONDS)
    chaos.revive()
    for reader in chaos.readers:
        reader.reads_on(chaos.revive)
    while chaos.readers:
        chaos.leave()
    parts = node.log.read_text().count("a fill has brought what there is room for")
    told = "%d datasets, %d parts, killed %s, %d reads, %d failed loudly and were done again"
    _log.info(told, chaos.rounds, parts, dict(chaos.killed), chaos.done_reads, chaos.done_failures)
    assert chaos.killed["driver"]
    assert chaos.done_reads
    copies = list((cache_dir / "whole").iterdir())
    for copy in copies:
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (copy / "objects").iterdir()}
        assert files == chaos.versions[copy.name.split("_")[2]], copy.name
    mounts = Path(f"/proc/{node.holder}/mountinfo").read_text()
    assert f"{node.kubelet_dir}/pods/" not in mounts
    assert list((node.kubelet_dir / "plugins").glob("*/volumes/*.json")) == []
    assert node.stop_driver(signal.SIGTERM) == 0
    wait_for("the fillers to end", lambda: not processes_in(cache_dir))
    wait_for("the mount servers to end", lambda: not any(map(rclones_of, chaos.sidecars)))
