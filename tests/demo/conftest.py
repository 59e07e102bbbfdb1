"""The demo, played once for all tests of this folder, on a cluster of its own.

`MOORAGE_TEST_DEMO=NAME` takes a demo that is up already and leaves it up; the scenes are not played again then.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from demo import accounts, data
from demo.stage import IMAGE, Stage
from devcluster import cluster, preflight
from devcluster.spec import ClusterSpec

REPOSITORY = Path(__file__).parents[2]
NAME = os.environ.get("MOORAGE_TEST_DEMO", "test-demo")
MINUTES = 60.0
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run_line(command: str, minutes: float = 3) -> subprocess.CompletedProcess[str]:
    """Run a line of shell as the README's reader would, in one that has the demo's environment."""
    environment = {**os.environ, "MOORAGE_DEMO_NAME": NAME}
    prelude = f'eval "$(.venv/bin/moorage dev env --name {NAME} 2>/dev/null)"; '
    return subprocess.run(
        ["bash", "-c", prelude + command.replace("--name demo", f"--name {NAME}")],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=minutes * MINUTES,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a line of shell in the demo's environment."""
    return run_line


@pytest.fixture(scope="session")
def demo() -> Iterator[str]:
    """What `make demo` printed; `make down` afterwards, whatever happened."""
    if "MOORAGE_TEST_DEMO" in os.environ:
        yield ""
        return
    if missing := preflight.problems(preflight.gather(), ClusterSpec(NAME)):
        pytest.skip(f"this machine can't run the demo: {'; '.join(missing)}")
    done = run_line("make demo", minutes=50)
    try:
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        yield done.stdout
    finally:
        run_line("make down", minutes=3)


@pytest.fixture(scope="session")
def stage(demo: str) -> Stage:
    """The stage that the demo left."""
    del demo
    made = cluster.find(NAME)
    store = made.object_stores["eu-1"]
    keys = [account.identity(NAME).secret_key for account in accounts.ALL]
    fields = {"image": IMAGE, "endpoint": store.endpoint, "bucket": data.BUCKET, "prefix": data.PREFIX}
    return Stage(made, data.prepare(), (*keys, store.secret_key), fields, Console(quiet=True))
