"""Brings up what the scenes need: cluster, images, Moorage from its chart, sites, namespaces, the uploaded data."""

from functools import partial
from pathlib import Path

from rich.console import Console

from demo import accounts, buckets, data, servers
from demo.accounts import DELAYS_WRITER, EVIDENCE, READER, WITNESS
from demo.errors import SceneError
from demo.stage import IMAGE, STEWARD, SYSTEM, US_STEWARD, Stage
from devcluster import binaries, cluster, images
from devcluster.layout import cache_dir
from devcluster.progress import Progress, Terminal
from devcluster.spec import ClusterSpec, Identity

CHART = Path(__file__).parents[1] / "charts" / "moorage"
SITES = {"eu-1": 2, "us-1": 1}
STORE_AUDIENCE = "moorage-stores"
ROLLOUT_SECONDS = 480
WORKLOADS = (
    "deployment/moorage-webhook",
    "deployment/moorage-operator",
    "deployment/moorage-broker",
    "deployment/moorage-scheduler",
    "daemonset/moorage-node-plugin",
)


def bring_up(name: str, console: Console) -> Stage:
    """Bring up all of it; what is there already is found, not made again.

    Raises:
        MoorageError: something is missing or did not start; the message says what.
    """
    progress = Terminal(console)
    with progress.step("Preparing the data set: real flights, one Parquet file a month"):
        flights = data.prepare()
    identities = {account: account.identity(name) for account in accounts.ALL}
    spec = ClusterSpec(name, SITES, object_stores=("eu-1", "us-1"), identities=tuple(identities.values()))
    made = cluster.up(spec, progress)
    for account, identity in identities.items():
        account.keep(name, identity)
    store = made.object_stores["eu-1"]
    with progress.step("Uploading it to the S3 servers of eu-1 and us-1"):
        data.upload(flights.files, store, data.BUCKET)
        data.upload([flights.weather], made.object_stores["us-1"], data.WEATHER_BUCKET)
        for bucket in (data.DELAYS_BUCKET, EVIDENCE):
            buckets.make(buckets.connect(store), bucket)
    build = _load_images(made, progress)
    fields = {
        "image": IMAGE,
        "endpoint": store.endpoint,
        "bucket": data.BUCKET,
        "weather_endpoint": made.object_stores["us-1"].endpoint,
        "weather_bucket": data.WEATHER_BUCKET,
        "prefix": data.PREFIX,
        "delays_bucket": data.DELAYS_BUCKET,
    }
    keys = (*(identity.secret_key for identity in identities.values()), store.secret_key)
    stage = Stage(made, flights, keys, fields, console)
    install(stage, build, identities[WITNESS], progress)
    with progress.step("Declaring sites, namespaces and the stewards' Secrets"):
        stage.apply("sites.yaml", show=False)
        stage.apply("namespaces.yaml", show=False)
        write_dataset_secrets(stage, identities[READER])
        write_secret(stage, STEWARD, "delays-reader", identities[READER])
        write_secret(stage, STEWARD, "delays-writer", identities[DELAYS_WRITER])
    return stage


def _load_images(made: cluster.Cluster, progress: Progress) -> str:
    """Build them and bring them to every node; what they are called by their contents, which restarts what is older."""
    programs = partial(binaries.program, progress=progress)
    with progress.step("Building Moorage's images (no Docker, no registry)") as step:
        bundle, _ = images.bundle(cache_dir() / "images" / "built", step.update, programs=programs)
    cluster.load_image(made, bundle, progress)
    return bundle.stem


def install(stage: Stage, build: str, witness: Identity, progress: Progress) -> None:
    """Install Moorage from its own Helm chart, and wait until every part of it is ready. Evidence is kept in a bucket.

    Raises:
        SceneError: helm failed, or a part did not get ready in time.
    """
    with progress.step("Installing Moorage with helm") as step:
        command: tuple[str, ...] = (
            "helm",
            "upgrade",
            "--install",
            "moorage",
            str(CHART),
            "-n",
            SYSTEM,
            "--create-namespace",
        )
        stage.kubectl("apply", "-f", "-", stdin=f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {SYSTEM}}}}}")
        write_secret(stage, SYSTEM, "evidence-keys", witness)
        kept = f"endpoint={stage.fields['endpoint']},bucket={EVIDENCE},secretRef.name=evidence-keys"
        options = ",".join(f"evidence.store.{each}" for each in kept.split(","))
        # A machine whose disk is nearly full can show a copy of some MB, too: no kubelet of ours evicts pods for it.
        spare = "nodePlugin.env[0].name=MOORAGE_CACHE_KEPT_FREE_PERCENT,nodePlugin.env[0].value=1"
        values = f"images.build={build},{options},webIdentity.audience={STORE_AUDIENCE},{spare}"
        command = (*command, "--set-string", values)
        done = stage.run(*command)
        if done.code != 0:
            raise SceneError(f"{' '.join(command)} failed:\n{done.text}")
        servers.let_node_plugin_run(stage)
        for workload in WORKLOADS:
            step.update(workload)
            wait_for_rollout(stage, workload)


def wait_for_rollout(stage: Stage, workload: str) -> None:
    """Wait until a workload is as it should be.

    Raises:
        SceneError: it was not, in time.
    """
    arguments = ("rollout", "status", workload, "-n", SYSTEM, f"--timeout={ROLLOUT_SECONDS}s")
    done = stage.run("kubectl", *arguments)
    if done.code != 0:
        pods = stage.kubectl("get", "pods", "-n", SYSTEM, "-o", "wide", check=False).text
        raise SceneError(f"{workload} did not get ready: {done.text}\n{pods}")


def write_dataset_secrets(stage: Stage, reader: Identity) -> None:
    """Write the keys of the accounts that read the data."""
    for name, namespace in (("flights-keys", STEWARD), ("weather-keys", US_STEWARD)):
        write_secret(stage, namespace, name, reader)


def write_secret(stage: Stage, namespace: str, name: str, identity: Identity) -> None:
    """Write an account's keys, through standard input, so that no process title shows them."""
    manifest = (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        f"stringData: {{accessKeyID: {identity.access_key}, secretAccessKey: {identity.secret_key}}}\n"
    )
    stage.kubectl("apply", "-f", "-", stdin=manifest)
