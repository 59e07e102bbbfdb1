"""Small compiled pipelines: containers that pass artifacts on, as kfp writes them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_DATASET = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}


def pipeline(
    reads: Mapping[str, Sequence[str]],
    *,
    order: Mapping[str, Sequence[str]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    name: str = "small",
) -> str:
    """A pipeline in which every task writes one artifact, `data`.

    Args:
        reads: by task, the tasks whose artifact it reads.
        order: by task, the tasks that it comes after without reading of them.
        parameters: of the pipeline, by name: default values of type STRING; None: it must be given.
        labels: by task, those of its pods.
        name: the pipeline's.
    """
    tasks, components, executors = {}, {}, {}
    for task, sources in reads.items():
        takes = {f"from-{source}": {"artifactType": _DATASET} for source in sources}
        components[f"comp-{task}"] = {
            "executorLabel": f"exec-{task}",
            **({"inputDefinitions": {"artifacts": takes}} if takes else {}),
            "outputDefinitions": {"artifacts": {"data": {"artifactType": _DATASET}}},
        }
        executors[f"exec-{task}"] = {"container": {"image": "busybox:1", "command": ["sh", "-c", f"echo {task}"]}}
        before = sorted({*sources, *(order or {}).get(task, ())})
        tasks[task] = {
            "cachingOptions": {},
            "componentRef": {"name": f"comp-{task}"},
            **({"dependentTasks": before} if before else {}),
            **(
                {
                    "inputs": {
                        "artifacts": {
                            f"from-{source}": {
                                "taskOutputArtifact": {"outputArtifactKey": "data", "producerTask": source}
                            }
                            for source in sources
                        }
                    }
                }
                if sources
                else {}
            ),
            "taskInfo": {"name": task},
        }
    taken = {
        key: {"parameterType": "STRING"} | ({} if value is None else {"defaultValue": value})
        for key, value in (parameters or {}).items()
    }
    platform = {
        "platforms": {
            "kubernetes": {
                "deploymentSpec": {
                    "executors": {
                        f"exec-{task}": {"podMetadata": {"labels": dict(those)}}
                        for task, those in (labels or {}).items()
                    }
                }
            }
        }
    }
    document = json.dumps(
        {
            "components": components,
            "deploymentSpec": {"executors": executors},
            "pipelineInfo": {"name": name},
            "root": {"dag": {"tasks": tasks}, **({"inputDefinitions": {"parameters": taken}} if taken else {})},
            "schemaVersion": "2.1.0",
            "sdkVersion": "kfp-2.17.0",
        }
    )
    return f"{document}\n---\n{json.dumps(platform)}\n" if labels else document


def placed(sites: Mapping[str, str], seconds: float = 1.0, size_bytes: str = "1Mi") -> dict[str, Any]:
    """Hints that put each task at a site."""
    return {
        "tasks": {task: {"sites": [site], "seconds": seconds} for task, site in sites.items()},
        "artifacts": {f"{task}.data": {"bytes": size_bytes} for task in sites},
    }
