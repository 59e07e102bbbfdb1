"""The example notebook, cell by cell, with a real hub and real spokes behind it; there is no Jupyter here."""

import asyncio
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.client import Run
from moorage.kube import SECRETS, SITES
from moorage.model import SITE_LABEL
from tests.dataset_operator.stores import STEWARD
from tests.pipeline_executor.boxes import Image
from tests.pipeline_executor.hub.real_spokes import real_spoke
from tests.pipeline_executor.hub.stage import Stage
from tests.pipeline_executor.spoke.rig import IMAGES

NOTEBOOK = Path(__file__).parents[3] / "examples/run/notebook.ipynb"
IMAGE = "docker.io/moorage/demo-reader:0.1.0"


def cells() -> list[tuple[str, bool]]:
    """The code of each cell, and whether it holds what a reader changes."""
    read = json.loads(NOTEBOOK.read_text())["cells"]
    return [
        ("".join(cell["source"]), "parameters" in cell["metadata"].get("tags", ()))
        for cell in read
        if cell["cell_type"] == "code"
    ]


def run_cells(changes: str, folder: Path) -> tuple[dict[str, Any], str]:
    """Run them as one program, each from a file of its own, because kfp reads the source of components."""
    names: dict[str, Any] = {"__name__": "notebook"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for number, (source, is_changed) in enumerate(cells()):
            file = folder / f"cell_{number}.py"
            file.write_text(changes if is_changed else source)
            exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102 - it is ours
    return names, printed.getvalue()


def test_no_outputs_are_committed() -> None:
    """What a run on somebody's machine printed is nobody's business, and old soon."""
    read = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in read["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
    assert sum(is_changed for _, is_changed in cells()) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
async def test_the_notebook_runs(
    stage: Stage, two_planes: tuple[Cluster, Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cell, to a table of the artifact that crossed from one cluster to the other."""
    if os.geteuid() != 0:
        pytest.skip("the played kubelet mounts: it needs root")
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    metadata = {"namespace": stage.system, "name": "store-keys"}
    await stage.spoke.create(SECRETS, {"metadata": metadata, "stringData": keys})
    for client in (stage.hub, stage.spoke):
        for site in (stage.eu, stage.us):
            await client.apply(SITES, stage.site(site, nodeSelector={SITE_LABEL: site}))
    images = IMAGES | {IMAGE: Image(env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"})}
    monkeypatch.setenv("KUBECONFIG", str(two_planes[0].kubeconfig_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STEWARD.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STEWARD.secret_access_key)
    hints = {"tasks": {"count-words": {"sites": [stage.eu]}, "find-longest": {"sites": [stage.us]}}}
    changes = f"NAMESPACE = {stage.namespace!r}\nHINTS = {hints!r}\n"
    hub_plane, spoke_plane = two_planes
    async with (
        real_spoke(stage.hub, hub_plane, stage, stage.eu, tmp_path / "eu", images=images),
        real_spoke(stage.spoke, spoke_plane, stage, stage.us, tmp_path / "us", images=images),
        stage.hub_running(),
    ):
        names, printed = await asyncio.to_thread(run_cells, changes, tmp_path)
    for site in (stage.eu, stage.us):
        await stage.spoke.delete(SITES, site)
    run: Run = names["run"]
    assert {task.name: task.site for task in names["status"].tasks} == {
        "count-words": stage.eu,
        "find-longest": stage.us,
    }
    assert "8 different words" in printed
    assert await asyncio.to_thread(lambda: run.outputs("find-longest").parameters) == {"Output": "brown"}
    table = await asyncio.to_thread(names["counts"].to_pandas, format="csv")
    assert dict(zip(table["word"], table["count"], strict=True))["the"] == 2
    assert names["counts"].metadata["words"] == 8
    assert names["status"].bytes_moved == names["counts"].size_bytes
    assert "find-longest" in await asyncio.to_thread(run._repr_html_)
