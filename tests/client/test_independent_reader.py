"""What we write, read by the official client's models, which know nothing of us.

A field that those models do not know, or that has another type there, is lost on the way through them.
"""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client as official

from tests.webhook.pods import an_s3_dataset, make_container, make_pod, reading, serve

_API = official.ApiClient(official.Configuration())


def through(kind: str, raw: dict[str, Any]) -> dict[str, Any]:
    """Into the official model and out again."""
    model = _API.deserialize(SimpleNamespace(data=json.dumps(raw)), kind)
    written: dict[str, Any] = _API.sanitize_for_serialization(model)
    return written


@pytest.mark.parametrize("useas", ["mount", "configmap", "mount.configmap"])
def test_a_served_pod_is_a_pod(useas: str) -> None:
    """Volumes, sidecar, probes, environment: nothing in a patched pod is unknown to the official models."""
    containers = [make_container("a"), make_container("b")]
    inits = [make_container("first"), make_container("helper", restartPolicy="Always")]
    pod = make_pod(labels=reading("claims", "scans", useas=useas), containers=containers, initContainers=inits)
    served = serve(pod, an_s3_dataset("claims"), an_s3_dataset("scans"))
    assert through("V1Pod", served) == served
