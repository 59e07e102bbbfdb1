"""Reading objects from an API server as its administrator, without a kubectl for each.

A kubectl costs a tenth of a second of processor time; tests that wait for something ask several times a second.
"""

import functools
import json
from pathlib import Path
from typing import Any

import httpx2 as httpx
from lightkube.config.client_adapter import ConnectionParams

from moorage.kube import CONFIG_MAPS, DATASETS, PODS, SECRETS, STRETCHED_PIPELINES
from moorage.kube.connection import find_config
from tests.polling import PATIENCE_SECONDS

_RESOURCES = {each.kind.lower(): each for each in (CONFIG_MAPS, DATASETS, PODS, SECRETS, STRETCHED_PIPELINES)}


def read(kubeconfig: Path, kind: str, name: str, namespace: str) -> dict[str, Any]:
    """One object, as `kubectl get -o json` shows it."""
    with httpx.Client(**_parameters(kubeconfig, kubeconfig.stat().st_mtime_ns)) as client:
        answer = client.get(_RESOURCES[kind].path(namespace, name))
    assert answer.status_code == httpx.codes.OK, f"{kind} {namespace}/{name}: {answer.text}"
    found: dict[str, Any] = json.loads(answer.text)
    found["metadata"].pop("managedFields", None)
    return found


@functools.cache
def _parameters(kubeconfig: Path, _changed_at: int) -> dict[str, Any]:
    """What httpx needs; a cluster that is made again writes its kubeconfig again."""
    parameters = ConnectionParams(trust_env=False, timeout=httpx.Timeout(PATIENCE_SECONDS))
    return parameters.httpx_params(find_config(kubeconfig))
