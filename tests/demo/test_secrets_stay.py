"""After all scenes, the keys are where they must be and nowhere else."""

import json
import os
from pathlib import Path

import pytest

from demo.copying import let_copies_go
from demo.stage import STEWARD, SYSTEM, US_STEWARD, Stage
from devcluster.layout import Layout

KINDS = "pods,events,configmaps,deployments,daemonsets,replicasets,serviceaccounts,datasets,sites,nodes,leases,secrets"


def holders(stage: Stage) -> list[str]:
    """Every object of the cluster that holds one of the keys, also in base64."""
    found = stage.get(KINDS, "-A")["items"]
    return [
        f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        for item in found
        if any(word in json.dumps(item) for word in words(stage))
    ]


def words(stage: Stage) -> list[str]:
    """The keys, plain and as the API writes Secrets."""
    import base64  # noqa: PLC0415 - beside its only use

    return [*stage.secrets, *(base64.b64encode(secret.encode()).decode() for secret in stage.secrets)]


@pytest.mark.real
def test_no_object_but_the_stewards_secrets_hold_a_key(stage: Stage) -> None:
    """Specs, statuses, Events and ConfigMaps of every namespace are looked at."""
    assert holders(stage) == [
        f"Secret {SYSTEM}/artifacts-keys",
        f"Secret {SYSTEM}/evidence-keys",
        f"Secret {STEWARD}/delays-reader",
        f"Secret {STEWARD}/delays-writer",
        f"Secret {STEWARD}/flights-keys",
        f"Secret {US_STEWARD}/weather-keys",
    ]


def read(file: Path) -> bytes:
    """What is in it; nothing, where its pod is gone."""
    return file.read_bytes() if file.exists() else b""


@pytest.mark.real
def test_no_log_holds_a_key(stage: Stage) -> None:
    """Logs of every container of the cluster, and of the control plane."""
    logs = []
    for folder, below, names in os.walk(Layout.of(stage.cluster.name).root):
        # What images hold comes and goes under our feet, and is no log.
        below[:] = [name for name in below if name != "containerd"]
        logs += [Path(folder) / name for name in names if name.endswith(".log")]
    assert any("moorage-operator" in str(file) for file in logs), "the containers' logs were not found"
    leaking = [str(file) for file in logs if any(word.encode() in read(file) for word in words(stage))]
    assert leaking == []


@pytest.mark.real
def test_no_process_title_nor_environment_holds_a_key(stage: Stage) -> None:
    """While a mount is being served, on the whole machine."""
    stage.delete_pod("looping")
    let_copies_go(stage)
    stage.apply("looping.yaml", show=False)
    stage.wait_for_phase("looping", {"Running"})
    leaking, servers = [], 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        servers += b"rclone" in title
        if any(word.encode() in title or word.encode() in environment for word in words(stage)):
            leaking.append(title.decode(errors="replace"))
    stage.delete_pod("looping")
    assert servers, "no mount was being served"
    assert leaking == []
