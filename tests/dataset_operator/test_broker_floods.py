"""The broker's process under floods of connections."""

import logging

import pytest

from tests.dataset_operator.brokers import Broker, mounting, token
from tests.floods import FLOODS, Flood, chart_limit_bytes, flooded, peak_bytes
from tests.world import World

pytestmark = pytest.mark.real
_log = logging.getLogger(__name__)


@pytest.mark.parametrize(("flood", "count", "sources"), FLOODS)
def test_a_flood_of_connections_stops_no_grant(
    world: World, broker: Broker, flood: Flood, count: int, sources: tuple[str, ...]
) -> None:
    """A node plugin's question is answered, /readyz too, and memory stays below the chart's limit."""
    process = broker.running.process
    question = mounting(world, f"flooded-{flood.name.lower()}-{len(sources)}")
    known = token(world)
    with flooded(broker.port, "/v1/grants", flood, count, sources):
        for _ in range(3):
            assert broker.ask(known, question)[0] == 200
            assert broker.ready()
    assert broker.running.alive()
    peak, limit = peak_bytes(process.pid), chart_limit_bytes("broker")
    _log.info("broker, %d x %s: at most %d MiB of %d", count, flood.value, peak >> 20, limit >> 20)
    assert peak < limit
