"""A setting that can't be read ends each component with one sentence and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = [
    "broker",
    "dataset_operator",
    "kfp_api",
    "moorage_ui",
    "node_plugin",
    "node_plugin.gateway",
    "node_plugin.sidecar",
    "pipeline_executor.hub",
    "pipeline_executor.spoke",
    "pipeline_executor.task_sidecar",
    "scheduler_plugin",
    "webhook",
]
# What must be set, read before the log level.
GIVEN = {
    "node_plugin": {"MOORAGE_NODE_NAME": "n1"},
    "node_plugin.gateway": {"MOORAGE_GATEWAY_PORT": "18333"},
    "node_plugin.sidecar": {"MOORAGE_VOLUMES": "claims"},
    "pipeline_executor.task_sidecar": {"MOORAGE_TASK_API": "https://spoke.test:8443", "MOORAGE_TASK_API_CA": "none"},
}


def test_no_component_is_forgotten() -> None:
    """Whatever has a settings.py and is started by `python3 -m`."""
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob("*/**/settings.py")
        if (path.parent / "__main__.py").exists() and not path.relative_to(ROOT).parts[0].startswith(".")
    }
    assert found == set(COMPONENTS)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_log_level_that_there_is_not_is_told(component: str) -> None:
    """Without a traceback."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "KUBECONFIG"))}
    done = subprocess.run(
        [sys.executable, "-m", component],
        cwd=ROOT,
        env={**environment, "MOORAGE_LOG_LEVEL": "loud", **GIVEN.get(component, {})},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "MOORAGE_LOG_LEVEL" in done.stderr
    assert len(done.stderr.splitlines()) == 1
