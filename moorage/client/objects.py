"""Objects of the API server through the official library: raw dictionaries in and out, errors of `moorage.errors`."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubernetes import client as official

from moorage.client.connecting import own_errors
from moorage.model import API_VERSION, GROUP, VERSION

Raw = dict[str, Any]

_PAGE: Final = 250
_TIMEOUT: Final = {"_request_timeout": (5, 30)}
_KINDS: Final = {"datasets": "Dataset", "sites": "Site", "stretchedpipelines": "StretchedPipeline"}


class Objects:
    """A client of raw objects. Every method raises `KubeError`: the API server refused, or did not answer.

    Args:
        api: an `ApiClient` of the official library.
    """

    def __init__(self, api: Any) -> None:  # noqa: ANN401 - the library has no types
        self._api = api
        self._own = official.CustomObjectsApi(api)
        self._core = official.CoreV1Api(api)

    # --- ours ---

    def get(self, plural: str, namespace: str | None, name: str) -> Raw:
        """Return one object; `namespace` None: it is the cluster's."""
        with self._errors("get", plural, namespace, name):
            if namespace is None:
                raw: Raw = self._own.get_cluster_custom_object(GROUP, VERSION, plural, name, **_TIMEOUT)
            else:
                raw = self._own.get_namespaced_custom_object(GROUP, VERSION, namespace, plural, name, **_TIMEOUT)
        return raw

    def list(self, plural: str, namespace: str | None) -> Iterator[Raw]:
        """Yield all of a namespace; None: of all namespaces, or the cluster's."""
        token = ""
        while True:
            options = {"limit": _PAGE, "_continue": token, **_TIMEOUT}
            with own_errors(f"list {plural}", self._address):
                if namespace is None:
                    page = self._own.list_cluster_custom_object(GROUP, VERSION, plural, **options)
                else:
                    page = self._own.list_namespaced_custom_object(GROUP, VERSION, namespace, plural, **options)
            yield from page["items"]
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    def create(self, plural: str, namespace: str, name: str, spec: Mapping[str, Any]) -> Raw:
        """Create one; gives it as the API server took it."""
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": API_VERSION, "kind": _KINDS[plural], "metadata": metadata, "spec": dict(spec)}
        with self._errors("create", plural, namespace, name):
            raw: Raw = self._own.create_namespaced_custom_object(GROUP, VERSION, namespace, plural, body, **_TIMEOUT)
        return raw

    def change(self, plural: str, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Change fields of its spec."""
        body = {"spec": dict(spec)}
        with self._errors("change", plural, namespace, name):
            self._own.patch_namespaced_custom_object(GROUP, VERSION, namespace, plural, name, body, **_TIMEOUT)

    def delete(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object of ours."""
        with self._errors("delete", plural, namespace, name):
            self._own.delete_namespaced_custom_object(GROUP, VERSION, namespace, plural, name, **_TIMEOUT)

    # --- Kubernetes' own ---

    def create_config_map(self, body: Raw) -> None:
        """Create a ConfigMap."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        with own_errors(f"create ConfigMap {namespace}/{name}", self._address):
            self._core.create_namespaced_config_map(namespace, body, **_TIMEOUT)

    def change_config_map(self, body: Raw) -> None:
        """Change the ConfigMap that the body's metadata names."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        with own_errors(f"change ConfigMap {namespace}/{name}", self._address):
            self._core.patch_namespaced_config_map(name, namespace, body, **_TIMEOUT)

    def delete_config_map(self, namespace: str, name: str) -> None:
        """Delete a ConfigMap."""
        with own_errors(f"delete ConfigMap {namespace}/{name}", self._address):
            self._core.delete_namespaced_config_map(name, namespace, **_TIMEOUT)

    def secret(self, namespace: str, name: str) -> Raw:
        """Get a Secret."""
        with own_errors(f"get Secret {namespace}/{name}", self._address):
            found = self._core.read_namespaced_secret(name, namespace, **_TIMEOUT)
        return self._raw(found)

    def namespace(self, name: str) -> Raw:
        """Get a Namespace."""
        with own_errors(f"get Namespace {name}", self._address):
            found = self._core.read_namespace(name, **_TIMEOUT)
        return self._raw(found)

    # --- the connection ---

    def token(self) -> str:
        """Return the bearer token that requests show, unless MOORAGE_TOKEN holds one; "" where they show none."""
        own = os.environ.get("MOORAGE_TOKEN")
        shown = own or self._api.configuration.get_api_key_with_prefix("authorization") or ""
        return str(shown).removeprefix("Bearer ").strip()

    @property
    def _address(self) -> str:
        return str(self._api.configuration.host)

    def _raw(self, found: Any) -> Raw:  # noqa: ANN401 - a model of the library
        raw: Raw = self._api.sanitize_for_serialization(found)
        return raw

    def _errors(self, action: str, plural: str, namespace: str | None, name: str) -> Any:  # noqa: ANN401 - a context manager
        place = f"{namespace}/{name}" if namespace else name
        return own_errors(f"{action} {_KINDS[plural]} {place}", self._address)
