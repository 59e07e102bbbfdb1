"""More clusters for the last scene: one for each site, joined to the demo's own cluster as their hub."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from demo import buckets
from demo.accounts import ARTIFACTS, WRITER
from demo.errors import SceneError
from demo.platform import CHART, wait_for_rollout, write_dataset_secrets, write_secret
from demo.stage import SYSTEM, Stage
from devcluster import cluster
from devcluster.progress import Progress, Silent
from devcluster.spec import ClusterSpec, Identity

SITES = ("eu-1", "us-1")
_WORKLOADS = ("webhook", "operator", "broker", "scheduler", "spoke")


def names(name: str) -> tuple[str, ...]:
    """Return the names of the clusters beside the demo's own."""
    return tuple(f"{name}-{site}" for site in SITES)


def make_buckets(hub: Stage) -> None:
    """Make an artifact store at each site; the bucket has the same name everywhere."""
    for site in SITES:
        client = buckets.connect(hub.cluster.object_stores[site])
        buckets.make(client, ARTIFACTS)
        client.close()


def bring_up(hub: Stage, bundle: Path, progress: Progress) -> dict[str, Stage]:
    """Bring up a cluster with one node and Moorage's spoke for each site, by site.

    Raises:
        MoorageError: one of them did not come up.
    """
    stages = {}
    for site, name in zip(SITES, names(hub.cluster.name), strict=True):
        with progress.step(f"Bringing up {name}: a cluster of its own for site {site}"):
            made = cluster.up(ClusterSpec(name, {site: 1}), Silent())
            cluster.load_image(made, bundle, Silent())
        stages[site] = replace(hub, cluster=made)
    with progress.step("Installing Moorage and its spoke in both"):
        with ThreadPoolExecutor(len(stages)) as threads:
            list(threads.map(lambda stage: _install(stage, bundle.stem), stages.values()))
        for stage in stages.values():
            for workload in _WORKLOADS:
                wait_for_rollout(stage, f"deployment/moorage-{workload}")
    return stages


def _install(stage: Stage, build: str) -> None:
    command = ("helm", "upgrade", "--install", "moorage", str(CHART), "-n", SYSTEM, "--create-namespace")
    smaller = ("webhook.replicas=1", "broker.replicas=1", "scheduler.replicas=1", "executor.spoke.enabled=true")
    options = [word for each in smaller for word in ("--set", each)]
    done = stage.run(*command, "--set-string", f"images.build={build}", *options)
    if done.code != 0:
        raise SceneError(f"{' '.join(command)} failed:\n{done.text}")


def furnish(hub: Stage, spokes: dict[str, Stage], reader: Identity) -> None:
    """Create the same Sites, namespaces and Datasets in every cluster, and the keys that each of them needs."""
    for stage in (hub, *spokes.values()):
        write_secret(stage, SYSTEM, "artifacts-keys", WRITER.identity(hub.cluster.name))
    for stage in spokes.values():
        for manifest in ("sites.yaml", "namespaces.yaml", "dataset.yaml"):
            stage.apply(manifest, show=False)
        write_dataset_secrets(stage, reader)


def join(hub: Stage, spokes: dict[str, Stage]) -> Iterator[str]:
    """Join each site's cluster to the hub; gives what was typed."""
    for site, stage in spokes.items():
        rights = _moorage(stage, "sites", "rights")
        stage.kubectl("apply", "-f", "-", stdin=rights)
        hub.kubectl("apply", "-f", "-", stdin=_moorage(stage, "sites", "join", site))
        there, here = stage.cluster.name, hub.cluster.name
        yield f"moorage sites rights | kubectl --context {there} apply -f -"
        yield f"moorage sites join {site} --context {there} | kubectl --context {here} apply -f -"


def _moorage(stage: Stage, *words: str) -> str:
    done = stage.run("moorage", *words)
    if done.code != 0:
        raise SceneError(f"moorage {' '.join(words)} failed:\n{done.text}")
    return done.out
