"""The last scene: an unmodified Kubeflow client submits a pipeline, and its groups run in three clusters."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from demo import buckets, clusters
from demo.accounts import ARTIFACTS, READER, WRITER
from demo.errors import SceneError
from demo.planning import REPOSITORY, declare_release
from demo.platform import CHART, wait_for_rollout
from demo.stage import CONSUMER, SYSTEM, Stage
from devcluster import binaries, images
from devcluster.layout import Layout, cache_dir
from devcluster.progress import Silent, Terminal

EXAMPLE = Path("examples/run")
ACCOUNT = "analyst"
_PORT = 18443
_RUN_SECONDS = 420
_RATIO = "0.0029"
"""The size of the released totals, relative to the flights that they are made from."""
_MOST_OFF = 0.05
"""The greatest relative difference between planned and crossed bytes."""


def a_pipeline_runs_across_clusters(stage: Stage) -> None:
    """Two more clusters are joined; kfp.Client submits; each task runs where its data may be read."""
    progress = Terminal(stage.console)
    clusters.make_buckets(stage)
    bundle, _ = images.bundle(
        cache_dir() / "images" / "built", lambda _: None, programs=partial(binaries.program, progress=Silent())
    )
    spokes = clusters.bring_up(stage, bundle, progress)
    clusters.furnish(stage, spokes, READER.identity(stage.cluster.name))
    for each in (stage, *spokes.values()):
        each.apply("weather.yaml", show=False)
        declare_release(each, ratio=_RATIO, show=False)
    for line in clusters.join(stage, spokes):
        stage.show(line, "")
    _install_hub(stage, bundle.stem)
    _give_rights(stage)
    with _forwarded(stage) as host:
        printed = _submit(stage, host)
    stage.show(f"python {EXAMPLE}/submit.py {host}", printed)
    _show(stage, spokes)


def _install_hub(stage: Stage, build: str) -> None:
    command = ("helm", "upgrade", "--install", "moorage", str(CHART), "-n", SYSTEM, "--reuse-values")
    options = ("executor.hub.enabled=true", "kfpApi.enabled=true", f"kfpApi.namespaces={{{CONSUMER}}}")
    words = [word for each in options for word in ("--set", each)]
    done = stage.run(*command, *words, "--set-string", f"images.build={build}")
    if done.code != 0:
        raise SceneError(f"{' '.join(command)} failed:\n{done.text}")
    stage.show(f"helm upgrade moorage charts/moorage -n {SYSTEM} --reuse-values {' '.join(words)}", "")
    for workload in ("hub", "kfp-api"):
        wait_for_rollout(stage, f"deployment/moorage-{workload}")


def _give_rights(stage: Stage) -> None:
    """Make an account for the data scientist, and hint in her namespace at the sizes of earlier runs."""
    stage.apply("analyst.yaml", show=False)
    sizes = {"read-flights.delays": 474_624, "summarise-weather.weather": 2_690, "join.joined": 3_227}
    hints = {
        "defaults": {"purpose": "research", "taskSeconds": 2},
        "artifacts": {name: {"bytes": size_bytes} for name, size_bytes in sizes.items()},
    }
    stage.kubectl("annotate", "namespace", CONSUMER, f"moorage.dev/hints={json.dumps(hints)}", "--overwrite")


@contextmanager
def _forwarded(stage: Stage) -> Iterator[str]:
    """Provide the Kubeflow API at an address of this machine."""
    command = ["kubectl", "port-forward", "-n", SYSTEM, "service/moorage-kfp-api", f"{_PORT}:8443"]
    with subprocess.Popen(
        command, env=stage.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as forwarding:
        try:
            first = forwarding.stdout.readline() if forwarding.stdout else ""
            if "Forwarding" not in first:
                raise SceneError(f"{' '.join(command)} failed: {first}")
            yield f"https://localhost:{_PORT}"
        finally:
            forwarding.terminate()


def _submit(stage: Stage, host: str) -> str:
    token = stage.kubectl("create", "token", ACCOUNT, "-n", CONSUMER, "--duration=1h").out.strip()
    authority = Layout.of(stage.cluster.name).root / "kfp-api-ca.crt"
    found = stage.get("configmap", "moorage-kfp-api-ca", "-n", SYSTEM)
    authority.write_text(found["data"]["ca.crt"])
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "submit.py"), host],
        cwd=REPOSITORY,
        env={**stage.environment, "KF_PIPELINES_TOKEN": token, "KF_PIPELINES_CA": str(authority)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_RUN_SECONDS,
    )
    if done.returncode != 0:
        runs = stage.kubectl("get", "stretchedpipelines", "-n", CONSUMER, "-o", "yaml", check=False).text
        raise SceneError(f"the run did not succeed:\n{done.stdout}{done.stderr}\n{runs}")
    return done.stdout


def _show(stage: Stage, spokes: dict[str, Stage]) -> None:
    runs = stage.get("stretchedpipelines", "-n", CONSUMER)["items"]
    run = max(runs, key=lambda each: each["metadata"]["creationTimestamp"])
    name = run["metadata"]["name"]
    shown = stage.run("moorage", "runs", "show", name, "-n", CONSUMER)
    stage.show(f"moorage runs show {name} -n {CONSUMER}", shown.out)
    sites = {group["site"] for group in run["status"]["groups"]}
    if sites != set(clusters.SITES):
        raise SceneError(f"expected groups at {' and '.join(clusters.SITES)}, but saw:\n{shown.out}")
    moved, planned = run["status"]["bytesMoved"], run["status"]["bytesPlanned"]
    report = _page(stage, run)
    for site, spoke in spokes.items():
        groups = spoke.kubectl("get", "pipelinegroups", "-n", CONSUMER)
        stage.show(f"kubectl --context {spoke.cluster.name} get pipelinegroups -n {CONSUMER}", groups.out)
        if site not in groups.out:
            raise SceneError(f"expected a group at {site}, but saw:\n{groups.out}")
    stage.tell(f"{report.strip()} {moved:,} bytes crossed; the plan expected {planned:,}.")
    stage.tell(
        "To see it in a browser, as far as it is and where each task ran:\n"
        f"  KUBECONFIG={stage.cluster.kubeconfig_path} .venv/bin/moorage ui"
    )
    if abs(moved - planned) > _MOST_OFF * planned:
        raise SceneError(f"expected about {planned} bytes to cross, but {moved} did")


def _page(stage: Stage, run: dict[str, object]) -> str:
    """Return the page that the last task wrote, from the artifact store of its site."""
    writer = WRITER.identity(stage.cluster.name)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for site in clusters.SITES:
            client = buckets.connect(stage.cluster.object_stores[site], writer)
            prefix = f"moorage/runs/{CONSUMER}/"
            listed = client.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix).get("Contents", ())
            pages = [each["Key"] for each in listed if "/data/report/" in each["Key"]]
            if pages:
                body = client.get_object(Bucket=ARTIFACTS, Key=pages[-1])["Body"].read()
                return str(body.decode())
        time.sleep(1)
    raise SceneError(f"expected the report in an artifact store, but there is none: {run}")
