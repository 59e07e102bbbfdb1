"""Connects the official Kubernetes client, and turns what it raises into the errors of `moorage.errors`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kubernetes import client as official
from kubernetes import config
from urllib3.exceptions import HTTPError

from moorage.errors import SettingError
from moorage.kube.answers import error_from_answer, error_from_silence

DEFAULT_NAMESPACE = "default"


def connect_by_kubeconfig(path: str | None, context: str | None) -> tuple[Any, str]:
    """Return an API client and the context's namespace.

    Raises:
        SettingError: there is no usable kubeconfig.
    """
    configuration = official.Configuration()
    path = path or os.environ.get("KUBECONFIG") or None  # the library looks at it once, when it is imported
    try:
        contexts, active = config.list_kube_config_contexts(config_file=path)
        chosen = active if context is None else next((one for one in contexts if one["name"] == context), None)
        if chosen is None:
            known = ", ".join(one["name"] for one in contexts)
            raise SettingError("kubeconfig", "context", f"{context} does not exist; the kubeconfig has {known}")
        config.load_kube_config(config_file=path, context=context, client_configuration=configuration)
    except config.ConfigException as error:
        raise SettingError("kubeconfig", path or "KUBECONFIG", f"can't be used: {error}") from error
    return official.ApiClient(configuration), chosen["context"].get("namespace") or DEFAULT_NAMESPACE


def connect_in_cluster() -> tuple[Any, str]:
    """Return an API client of the pod's own account, and the pod's namespace.

    Raises:
        SettingError: this is no pod.
    """
    configuration = official.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
        with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:  # noqa: PTH123
            namespace = file.read().strip()
    except (config.ConfigException, OSError) as error:
        problem = f"this is not a pod with a service account: {error}"
        raise SettingError("environment", "service account", problem) from error
    return official.ApiClient(configuration), namespace or DEFAULT_NAMESPACE


@contextmanager
def own_errors(action: str, address: str) -> Iterator[None]:
    """Raise the errors of `moorage.errors` in place of the library's.

    Raises:
        KubeError: the API server refused, or did not answer.
    """
    try:
        yield
    except official.ApiException as error:
        body = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
        raise error_from_answer(action, int(error.status or 0), body) from error
    except (HTTPError, OSError) as error:
        raise error_from_silence(action, address, error) from error
