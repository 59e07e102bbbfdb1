"""The webhook's process under floods of connections, with a real API server as its client."""

import logging
from functools import partial

import pytest

from tests.floods import FLOODS, Flood, chart_limit_bytes, flooded, peak_bytes
from tests.webhook.conftest import RunningWebhook
from tests.webhook.pods import NAMESPACE
from tests.world import eventually

_log = logging.getLogger(__name__)


@pytest.mark.real
@pytest.mark.parametrize(("flood", "count", "sources"), FLOODS)
def test_a_flood_of_connections_stops_no_admission(
    webhook: RunningWebhook, flood: Flood, count: int, sources: tuple[str, ...]
) -> None:
    """The API server's review is answered, /readyz too, and memory stays below the chart's limit."""
    assert webhook.process is not None
    with flooded(webhook.port, "/mutate-pods", flood, count, sources):
        for number in range(3):
            # One that came too late for the API server, on a busy machine, is asked for again.
            eventually(partial(answers, webhook, number))
            eventually(webhook.is_ready)
    assert webhook.process.poll() is None
    peak, limit = peak_bytes(webhook.process.pid), chart_limit_bytes("webhook")
    _log.info("webhook, %d x %s: at most %d MiB of %d", count, flood.value, peak >> 20, limit >> 20)
    assert peak < limit


def answers(webhook: RunningWebhook, number: int) -> bool:
    """Whether a pod is refused in the webhook's own words; the guard's, which speaks for a silent one, are others."""
    told = webhook.kubectl(
        *("run", f"flood-{number}", f"--namespace={NAMESPACE}", "--image=none", "--dry-run=server"),
        "--labels=dataset.0.id=not-there,dataset.0.useas=mount",
        check=False,
    )
    return f"dataset {NAMESPACE}/not-there is not known" in told.stderr
