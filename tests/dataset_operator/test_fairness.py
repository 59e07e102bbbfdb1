"""One namespace with many Datasets at a store that drips, and another with one at a good store: the real operator."""

from pathlib import Path
from typing import Any

from moorage.kube import DATASETS
from tests.dataset_operator import hostile
from tests.dataset_operator.conftest import secret
from tests.dataset_operator.hostile import hostile_store
from tests.dataset_operator.processes import run_operator
from tests.dataset_operator.stores import STEWARD, Store
from tests.world import World, eventually

MANY = 300


def test_many_datasets_at_a_dripping_store_delay_their_own_namespace_only(
    world: World, store: Store, rights: dict[str, Path], tmp_path: Path
) -> None:
    """The other namespace's Dataset is Ready while most of the many were never looked at; deleted, they ask no more."""
    store.put({"fair/a.csv": b"a,b\n1,2\n"})
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    other = f"other-{world.tag}"
    world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    world.apply(_in(other, secret(world, "keys", keys)))
    try:
        with hostile_store(hostile.drip) as slow, run_operator(world, rights["operator"], tmp_path) as running:
            world.apply(*(_dataset(world, world.steward, f"many-{n}", slow.endpoint, "x") for n in range(MANY)))
            eventually(lambda: slow.open > 0)
            world.apply(_dataset(world, other, "one", store.endpoint, "fair"))
            eventually(lambda: _reason(world, other, "one") == "Ready")
            asked = len(slow.requests)
            assert asked < MANY / 2
            assert slow.open <= 4  # an endpoint's share: three quick looks, and one that is long
            world.delete_all(DATASETS, world.steward)
            eventually(lambda: slow.open == 0)
            assert running.alive()
    finally:
        world.kubectl("delete", "namespace", other, "--wait=false")


def _dataset(world: World, namespace: str, name: str, endpoint: str, prefix: str) -> dict[str, Any]:
    s3 = {"endpoint": endpoint, "bucket": "data", "prefix": prefix, "secretRef": {"name": "keys"}}
    raw = _in(namespace, world.dataset(name, world.eu))
    return {**raw, "spec": {"sources": [{"site": world.eu, "s3": s3}]}}


def _in(namespace: str, raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "metadata": {**raw["metadata"], "namespace": namespace}}


def _reason(world: World, namespace: str, name: str) -> str | None:
    told = world.get("dataset", name, namespace).get("status", {}).get("conditions") or ()
    return next((entry["reason"] for entry in told if entry["type"] == "Ready"), None)
