"""Asks the cluster by its own kubectl: all that bringing one up needs of the API."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from devcluster.layout import Layout
from moorage.errors import DevClusterError

_POLL_SECONDS = 0.2
_PART, _AT_ONCE = 100, 8


def run(layout: Layout, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as the administrator and return what it printed.

    Raises:
        DevClusterError: it failed; the message is kubectl's.
    """
    done = _kubectl(layout, arguments, stdin)
    if done.returncode:
        message = f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        raise DevClusterError(message)
    return done.stdout


def create(layout: Layout, manifests: Sequence[Mapping[str, Any]]) -> None:
    """Create all of these objects.

    Raises:
        DevClusterError: one was refused.
    """
    # One kubectl limits itself to some tens of requests a second; several are each that fast.
    parts = [manifests[start : start + _PART] for start in range(0, len(manifests), _PART)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda part: _create(layout, part), parts))


def answers(layout: Layout) -> bool:
    """Return whether the API server reports that it is ready."""
    return _kubectl(layout, ["get", "--raw", "/readyz", "--request-timeout=5s"], None).returncode == 0


def ready_nodes(layout: Layout) -> dict[str, bool]:
    """Return every node, and whether it is Ready.

    Raises:
        DevClusterError: the API server does not answer.
    """
    conditions = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
    lines = run(layout, "get", "nodes", "--request-timeout=5s", "-o", f"jsonpath={conditions}").splitlines()
    return {name: ready == "True" for name, _, ready in (line.partition(" ") for line in lines)}


def wait_until_ready(layout: Layout, seconds: float, hopeful: Callable[[], bool]) -> bool:
    """Wait for the API server; False if it did not answer in time, or there is no more hope that it will."""
    deadline = time.monotonic() + seconds
    while not answers(layout):
        if time.monotonic() > deadline or not hopeful():
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _create(layout: Layout, manifests: Sequence[Mapping[str, Any]]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    run(layout, "create", "-f", "-", stdin=json.dumps(listed))


def _kubectl(layout: Layout, arguments: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
    command = [str(layout.bin / "kubectl"), f"--kubeconfig={layout.kubeconfig}", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, text=True)
