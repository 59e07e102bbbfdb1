"""The last scene: a compiled Kubeflow pipeline is planned over the running sites' own Site and Dataset objects."""

import json
import sys
from pathlib import Path

import yaml

from demo.errors import SceneError
from demo.stage import STEWARD, US_STEWARD, Stage
from devcluster.layout import Layout

REPOSITORY = Path(__file__).parents[1]
EXAMPLE = Path("examples/plan")
FILES = {"plan.json", "bound.json", "report.html", "groups"}


def a_pipeline_is_planned(stage: Stage) -> None:
    """Show that a pipeline written without sites is split by one command, and the split checked by another."""
    stage.apply("weather.yaml")
    declare_release(stage)
    stage.wait("both Datasets to be Ready", lambda: _are_ready(stage) or None, 30)
    folder = Layout.of(stage.cluster.name).root / "plan"
    folder.mkdir(exist_ok=True)
    sites, datasets = folder / "sites.yaml", folder / "datasets.yaml"
    _save(stage, sites, "kubectl get sites -o yaml", "get", "sites", "-o", "yaml")
    _save(stage, datasets, "kubectl get datasets -A -o yaml", "get", "datasets", "-A", "-o", "yaml")
    inputs = [f"{EXAMPLE}/pipeline.yaml", "--sites", str(sites), "--datasets", str(datasets)]
    inputs += ["--hints", f"{EXAMPLE}/hints.yaml"]
    written = folder / "out"
    planned = _moorage(stage, ["plan", *inputs, "-o", str(written)])
    plan = json.loads((written / "plan.json").read_text())
    if {entry.name for entry in written.iterdir()} != FILES or not plan["cost"][0]["certified"]:
        raise SceneError(f"expected a certified plan and its files, but saw:\n{planned}")
    site_of = {task["name"]: task["site"] for task in plan["tasks"]}
    if site_of["count-delays"] != "eu-1" or site_of["join"] == "eu-1" or not plan["releases"]:
        raise SceneError(f"expected the flights to leave the EU as monthly totals only, but saw:\n{planned}")
    _moorage(stage, ["plan", *inputs, "--check", str(written)])
    stage.tell(f"The flights leave the EU as monthly totals only. The report: {written}/report.html")


def declare_release(stage: Stage, *, ratio: str | None = None, show: bool = True) -> None:
    """The steward allows totals to leave, computed by one program that is known by its digest.

    Args:
        stage: where.
        ratio: how large the totals are beside their input, as a steward measures it; None: as in the example.
        show: whether the command is shown.
    """
    documents = yaml.safe_load_all((REPOSITORY / EXAMPLE / "datasets.yaml").read_text())
    flights = next(each for each in documents if each["metadata"]["name"] == "flights")
    releases = flights["spec"]["governance"]["releases"]
    if ratio is not None:
        releases = [{**release, "outputRatio": ratio} for release in releases]
    patch = {"spec": {"governance": {"releases": releases}}}
    done = stage.kubectl("patch", "dset", "flights", "-n", STEWARD, "--type=merge", "-p", json.dumps(patch))
    if show:
        shown = f"kubectl patch dset flights -n {STEWARD} --type=merge -p '<its releases: monthly-totals>'"
        stage.show(shown, done.out)


def _are_ready(stage: Stage) -> bool:
    return all(
        any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in stage.get("dset", name, "-n", namespace).get("status", {}).get("conditions", [])
        )
        for name, namespace in (("flights", STEWARD), ("weather", US_STEWARD))
    )


def _save(stage: Stage, path: Path, shown: str, *arguments: str) -> None:
    path.write_text(stage.kubectl(*arguments).out)
    stage.show(f"{shown} > {path}", "")


def _moorage(stage: Stage, arguments: list[str]) -> str:
    command = [str(Path(sys.executable).with_name("moorage")), *arguments]
    done = stage.run(*command, directory=REPOSITORY)
    stage.show(f"moorage {' '.join(arguments)}", done.text)
    if done.code != 0:
        raise SceneError(f"moorage {arguments[0]} ended with {done.code}")
    return done.text
