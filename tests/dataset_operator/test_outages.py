"""What hurt elsewhere: a restart of etcd or of the API server, a kill at a bad moment, very many Datasets at once."""

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.kube import DATASETS
from tests.dataset_operator.processes import Running, run_module, run_operator
from tests.dataset_operator.stores import Store
from tests.dataset_operator.test_operator import dataset, parquet, source, status_when
from tests.polling import PATIENCE_SECONDS
from tests.ports import free_port
from tests.world import World, eventually

_MANY = 60
_KILLS = 4
_PART = "part-of=many"


@pytest.fixture
def patient(world: World, rights: dict[str, Path], tmp_path: Path) -> Iterator[Running]:
    """An operator that lists what it has listed again after an hour, if nothing changes."""
    world.delete_all(DATASETS, world.steward)
    with run_operator(world, rights["operator"], tmp_path, reread_seconds=3600) as running:
        yield running


def test_etcd_and_the_api_server_are_restarted(world: World, store: Store, patient: Running) -> None:
    """The operator lives on, says while it lasts that it is blind, and sees what comes afterwards."""
    store.put({"outage/a.parquet": parquet(2)})
    world.apply(dataset(world, "before-outage", source(store, world.eu, "outage")))
    status_when(world, "before-outage", "Ready")
    for component in ("etcd", "kube-apiserver"):
        world.cluster.stop_component(component, grace_seconds=0)
        world.cluster.start_component(component)
        eventually(lambda: _answers(world))
        name = f"after-{component}"
        world.apply(dataset(world, name, source(store, world.eu, "outage")))
        assert status_when(world, name, "Ready")["objects"] == 1
    assert patient.alive()


def test_an_operator_that_is_killed_at_any_moment_leaves_nothing_half_done(
    world: World, store: Store, rights: dict[str, Path], tmp_path: Path
) -> None:
    """Killed while it lists and writes, at other moments each time; the next one makes all of it right."""
    moments = random.Random(7)  # noqa: S311 - moments, and the same ones each time
    for step in range(_KILLS):
        store.put({f"killed-{step}/{number}.parquet": parquet(number + 1) for number in range(step + 1)})
        world.apply(dataset(world, f"killed-{step}", source(store, world.eu, f"killed-{step}")))
        with pytest.raises(AssertionError, match="ended with -9"):
            _run_until_killed(world, rights["operator"], tmp_path, moments.uniform(0, 0.4))
    with run_operator(world, rights["operator"], tmp_path):
        for step in range(_KILLS):
            assert status_when(world, f"killed-{step}", "Ready")["objects"] == step + 1


def test_many_datasets_are_made_and_deleted_at_once(world: World, store: Store, patient: Running) -> None:
    """All become ready, all go, and nothing of them stays behind."""
    store.put({"hundreds/a.bin": b"content"})
    names = [f"many-{number}" for number in range(_MANY)]
    whole = [dataset(world, name, source(store, world.eu, "hundreds")) for name in names]
    for raw in whole:
        raw["metadata"]["labels"] = {"part-of": "many"}
    world.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": whole}))
    waited = f"--timeout={PATIENCE_SECONDS:g}s"
    world.kubectl("wait", "--for=condition=Ready", "datasets", "-n", world.steward, "-l", _PART, waited)
    assert _ready(world) == _MANY
    world.delete_all(DATASETS, world.steward)
    assert _ready(world) == 0
    assert patient.alive()
    assert "Traceback" not in patient.text()


def _run_until_killed(world: World, kubeconfig: Path, folder: Path, seconds: float) -> None:
    settings = {"health_listen_port": str(free_port()), "reread_seconds": "1"}
    with run_module(world, "dataset_operator", kubeconfig, folder, **settings) as running:
        eventually(running.ready)
        time.sleep(seconds)
        running.process.send_signal(signal.SIGKILL)


def _answers(world: World) -> bool:
    return world.kubectl("get", "--raw", "/readyz", check=False) == "ok"


def _ready(world: World) -> int:
    template = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
    told = world.kubectl("get", "datasets", "-n", world.steward, "-l", _PART, "-o", f"jsonpath={template}")
    return told.split().count("True")
