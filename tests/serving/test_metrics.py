"""What is counted, and that no tenant's object has a series of its own."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.core import REGISTRY

from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.serving import metrics
from moorage.serving.health import Health, make_app

FILES = Path(__file__).resolve().parents[2] / "charts" / "moorage" / "files"


def value(name: str, **labels: str) -> float:
    """What a series says now; 0 where it is not there."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def _answer(request: web.Request) -> web.Response:
    if request.match_info["name"] == "bad":
        raise web.HTTPBadRequest
    if request.match_info["name"] == "worse":
        raise ValueError
    return web.Response()


async def test_requests_are_counted_by_route() -> None:
    """Not by path: whoever asks for ten thousand names makes no ten thousand series."""
    app = web.Application(middlewares=[metrics.count_requests])
    app.router.add_get("/things/{name}", _answer)
    before = {
        status: value("moorage_http_requests_total", path="/things/{name}", status=status)
        for status in ["200", "400", "500"]
    }
    lost = value("moorage_http_requests_total", path="other", status="404")
    async with TestClient(TestServer(app)) as client:
        for number in range(20):
            await client.get(f"/things/{number}")
            await client.get(f"/{number}")
        await client.get("/things/bad")
        await client.get("/things/worse")
    after = {status: value("moorage_http_requests_total", path="/things/{name}", status=status) for status in before}
    assert {status: after[status] - before[status] for status in before} == {"200": 20, "400": 1, "500": 1}
    assert value("moorage_http_requests_total", path="other", status="404") - lost == 20


class _Cache:
    age_seconds = 7.0

    def snapshot(self) -> dict[tuple[str, str], object]:
        return {("", "a"): 1, ("", "b"): 2}


async def test_the_health_port_exposes_them() -> None:
    """In the text format, caches that are followed included, and no longer when they are not."""
    caches = {"widgets": _Cache()}
    metrics.follow_caches(caches)
    async with TestClient(TestServer(make_app(Health()))) as client:
        answer = await client.get("/metrics")
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert 'moorage_cache_age_seconds{resource="widgets"} 7.0' in text
        assert 'moorage_cache_objects{resource="widgets"} 2.0' in text
        older, younger = _Cache(), _Cache()
        older.age_seconds = 9.0
        for each in (older, younger):
            metrics.follow_caches({"widgets": each})
        text = await (await client.get("/metrics")).text()
        assert 'moorage_cache_age_seconds{resource="widgets"} 9.0' in text
        assert 'moorage_cache_objects{resource="widgets"} 6.0' in text
        for each in (older, younger):
            metrics.forget_caches({"widgets": each})
        metrics.forget_caches(caches)
        assert "widgets" not in await (await client.get("/metrics")).text()


def test_no_certificate_has_no_expiry() -> None:
    """Else each component that serves none would alert of one that expired in 1970."""
    expiry = metrics.CertificateExpiry()
    assert [sample for family in expiry.collect() for sample in family.samples] == []
    expiry.set(1.8e9)
    assert [sample.value for family in expiry.collect() for sample in family.samples] == [1.8e9]


def _named(text: str) -> set[str]:
    return set(re.findall(r"\bmoorage_[a-z_]+", text))


def _exposed() -> set[str]:
    """All names under which samples of ours are exposed."""
    metrics.follow_caches(caches := {"widgets": _Cache()})
    found = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    found |= {f"{family.name}{suffix}" for family in REGISTRY.collect() for suffix in ("", "_total", "_bucket")}
    metrics.forget_caches(caches)
    return found


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_alerts_and_dashboard_ask_for_what_is_exposed(name: str) -> None:
    """A metric that was renamed would otherwise never alert anybody."""
    named = _named((FILES / name).read_text())
    assert named
    assert named <= _exposed()


def test_every_alert_has_a_paragraph() -> None:
    """Under its name, in the page that it names."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
    rules = [rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        assert f"### {rule['alert']}\n" in page
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert json.loads((FILES / "dashboard.json").read_text())["title"] == "Moorage"


async def test_what_components_count() -> None:
    """A ruling of the broker, and the depth of a work queue as it is when it is asked for."""
    before = value("moorage_refusals_total", rule="PurposeMissing"), value("moorage_refusals_total", rule="other")
    metrics.refused("PurposeMissing")
    metrics.refused("")
    assert value("moorage_refusals_total", rule="PurposeMissing") == before[0] + 1
    assert value("moorage_refusals_total", rule="other") == before[1] + 1
    never = asyncio.Event()

    async def work(_: int) -> None:
        await never.wait()

    async with WorkQueue("test", work, shares=lambda _: (Share("namespace", "one"),), at_once=1) as queue:
        metrics.follow_depth(queue)
        for key in range(4):
            queue.add(key)
        assert value("moorage_work_queue_depth", queue="test") == 3
