"""A real Prometheus scrapes a component, and takes the alerts."""

import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.images.debian import download_packages
from devcluster.images.recipes import Base
from devcluster.layout import cache_dir, cache_lock
from tests.ports import free_port
from tests.world import eventually

ALERTS = Path(__file__).resolve().parents[2] / "charts" / "moorage" / "files" / "alerts.yaml"
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("prometheus")]
_SERVER = """
import asyncio
from moorage.serving.health import Health, make_app
from moorage.serving.run import Listener, serve
from moorage.serving import metrics
async def run():
    async with serve(make_app(Health()), Listener(port=PORT, host="127.0.0.1")):
        metrics.refused("ResidencyViolated")
        await asyncio.Event().wait()
asyncio.run(run())
"""


@pytest.fixture(scope="module")
def programs() -> Path:
    """Debian's prometheus and promtool, unpacked into the cache; nothing is installed."""
    folder = cache_dir() / "prometheus"
    with cache_lock("prometheus"):
        if not (folder / "root/usr/bin/prometheus").exists():
            folder.mkdir(parents=True, exist_ok=True)
            download_packages(Base(packages=("prometheus",), left_out=frozenset()), folder, folder / "apt")
            for archive in folder.glob("prometheus_*.deb"):
                subprocess.run(["dpkg-deb", "--extract", archive, folder / "root"], check=True)
    return folder / "root/usr/bin"


def test_promtool_accepts_the_alerts(programs: Path) -> None:
    """Every expression is valid."""
    done = subprocess.run(
        [programs / "promtool", "check", "rules", ALERTS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 rules found" in done.stdout


@pytest.fixture
def component(tmp_path: Path) -> Iterator[int]:
    """The port of a process with our metrics."""
    port = free_port()
    script = tmp_path / "component.py"
    script.write_text(_SERVER.replace("PORT", str(port)))
    environment = {**os.environ, "PYTHONPATH": str(ALERTS.parents[3])}
    with subprocess.Popen([os.sys.executable, script], env=environment) as process:  # type: ignore[attr-defined]
        yield port
        process.terminate()


def test_prometheus_scrapes_a_component(programs: Path, component: int, tmp_path: Path) -> None:
    """The target is up, and what was counted can be asked for."""
    port = free_port()
    config = tmp_path / "prometheus.yml"
    targets = {"targets": [f"127.0.0.1:{component}"], "labels": {"pod": "moorage-test"}}
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "500ms"},
                "rule_files": [str(ALERTS)],
                "scrape_configs": [{"job_name": "moorage", "static_configs": [targets]}],
            }
        )
    )
    command = [str(programs / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data"]
    with subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL) as process:

        def ask(query: str) -> Any:  # noqa: ANN401 - JSON
            url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return json.load(answer)["data"]["result"]
            except OSError:
                time.sleep(0.2)
                return None

        try:
            found = eventually(lambda: ask('moorage_refusals_total{rule="ResidencyViolated"} == 1'))
            assert found[0]["metric"]["pod"] == "moorage-test"
            assert ask('up{job="moorage"}')[0]["value"][1] == "1"
            assert ask("process_resident_memory_bytes") != []
        finally:
            process.terminate()
