"""Planning end to end: from a compiled Kubeflow pipeline through the command line to the written files."""

import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

_KIND = {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
_SITES = 5
_READS = 3
_PINNED = 0.1


def pipeline(tasks: int, seed: int) -> str:
    """Compiled IR of so many containers; each but the first reads what one to three of the ten before it wrote."""
    rng = np.random.default_rng(seed)
    components, executors, dag = {}, {}, {}
    for number in range(tasks):
        name = f"step-{number:03d}"
        earlier = sorted({int(rng.integers(max(0, number - 10), number)) for _ in range(_READS)}) if number else []
        inputs = {f"in{earliest:03d}": earliest for earliest in earlier}
        components[f"comp-{name}"] = {
            "executorLabel": f"exec-{name}",
            "outputDefinitions": {"artifacts": {"out": _KIND}},
            **({"inputDefinitions": {"artifacts": dict.fromkeys(inputs, _KIND)}} if inputs else {}),
        }
        executors[f"exec-{name}"] = {
            "container": {
                "image": "registry.example/step:1",
                "command": ["step", name],
                "resources": {"cpuLimit": float(rng.choice([1, 2, 4])), "resourceCpuLimit": "4"},
            }
        }
        dag[name] = {
            "componentRef": {"name": f"comp-{name}"},
            "taskInfo": {"name": name},
            "cachingOptions": {},
            **({"dependentTasks": [f"step-{earliest:03d}" for earliest in earlier]} if earlier else {}),
            **({"inputs": {"artifacts": {key: _from(value) for key, value in inputs.items()}}} if inputs else {}),
        }
    body: dict[str, Any] = {
        "components": components,
        "deploymentSpec": {"executors": executors},
        "pipelineInfo": {"name": "bench"},
        "root": {"dag": {"tasks": dag}},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }
    return yaml.safe_dump(body)


def _from(producer: int) -> dict[str, Any]:
    return {"taskOutputArtifact": {"outputArtifactKey": "out", "producerTask": f"step-{producer:03d}"}}


def sites(seed: int) -> str:
    """Return sites with prices of their own."""
    rng = np.random.default_rng([seed, _SITES])
    names = [f"site-{number}" for number in range(_SITES)]
    documents = []
    for name in names:
        links = [{"to": other, "pricePerGB": f"{rng.uniform(0.01, 0.12):.3f}"} for other in names if other != name]
        price = f"{rng.uniform(0.02, 0.10):.3f}"
        spec = {"jurisdiction": "DE", "cpuHourPrice": price, "links": links}
        documents.append(
            {"apiVersion": "moorage.dev/v1alpha1", "kind": "Site", "metadata": {"name": name}, "spec": spec}
        )
    return yaml.safe_dump_all(documents)


def hints(tasks: int, seed: int) -> str:
    """Return seconds and sizes for every task, and a site for one in ten, so that the plan has several groups."""
    rng = np.random.default_rng([seed, tasks])
    names = [f"step-{number:03d}" for number in range(tasks)]
    pinned = {name: [f"site-{rng.integers(0, _SITES)}"] for name in names if rng.random() < _PINNED}
    told: dict[str, Any] = {
        "tasks": {
            name: {"seconds": int(rng.integers(60, 3600)), **({"sites": pinned[name]} if name in pinned else {})}
            for name in names
        },
        "artifacts": {f"{name}.out": {"bytes": f"{int(rng.integers(1, 4000))}M"} for name in names},
    }
    return yaml.safe_dump(told)


def seconds_of_the_command(tasks: int, runs: int) -> tuple[list[float], list[float]]:
    """Wall time of `moorage plan` with so many tasks, and of an interpreter that does nothing, taken in turn.

    Raises:
        subprocess.CalledProcessError: it did not plan.
    """
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name, text in (("p.yaml", pipeline(tasks, 1)), ("s.yaml", sites(1)), ("h.yaml", hints(tasks, 1))):
            (here / name).write_text(text)
        command = Path(sys.executable).with_name("moorage")
        plan = [str(command), "plan", "p.yaml", "--sites", "s.yaml", "--hints", "h.yaml", "-o", "out"]
        took: tuple[list[float], list[float]] = ([], [])
        for _, (what, into) in itertools.product(
            range(runs), zip((plan, [sys.executable, "-c", ""]), took, strict=True)
        ):
            begun = time.monotonic()
            subprocess.run(what, cwd=here, check=True, capture_output=True)
            into.append(time.monotonic() - begun)
        subprocess.run([*plan[:-2], "--check", "out"], cwd=here, check=True, capture_output=True)
    return took
