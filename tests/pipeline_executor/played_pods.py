"""What a kubelet makes of a pod's spec: environment, arguments, volumes as folders, statuses."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moorage.errors import NotFoundError
from moorage.kube import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, Client
from tests.pipeline_executor.boxes import Bind

Raw = dict[str, Any]

_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z0-9_.-]+)\))")


class ConfigError(Exception):
    """Something that the pod names is not there; the kubelet tries again and again."""


def now() -> str:
    """The time, as Kubernetes writes it."""
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expand(text: str, env: Mapping[str, str]) -> str:
    """Kubernetes' own expansion: `$(NAME)` where it is known, `$$` for a dollar."""

    def replace(found: re.Match[str]) -> str:
        if found.group(1) == "$":
            return "$"
        return env.get(found.group(2), found.group(0))

    return _REFERENCE.sub(replace, text)


def field_of(pod: Raw, path: str) -> str:
    """A field for the downward API."""
    known = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"]["nodeName"],
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    if path in known:
        return str(known[path])
    found = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    assert found is not None, f"the played kubelet knows no field {path}"
    return str((pod["metadata"].get(found.group(1)) or {}).get(found.group(2), ""))


class Objects:
    """The Secrets and ConfigMaps of a pod's namespace."""

    def __init__(self, client: Client, pod: Raw) -> None:
        self._client = client
        self._pod = pod
        self._namespace = pod["metadata"]["namespace"]

    async def data(self, kind: str, name: str, *, optional: bool) -> dict[str, bytes]:
        """What one holds.

        Raises:
            ConfigError: it is not there.
        """
        resource = SECRETS if kind == "secret" else CONFIG_MAPS
        try:
            raw = await self._client.get(resource, name, self._namespace)
        except NotFoundError:
            if optional:
                return {}
            raise ConfigError(f'{kind} "{name}" not found') from None
        if kind == "secret":
            return {key: base64.b64decode(value) for key, value in (raw.get("data") or {}).items()}
        text = {key: value.encode() for key, value in (raw.get("data") or {}).items()}
        return text | {key: base64.b64decode(value) for key, value in (raw.get("binaryData") or {}).items()}

    async def environment(self, container: Raw, initial: Mapping[str, str]) -> dict[str, str]:
        """A container's variables.

        Raises:
            ConfigError: a Secret, a ConfigMap or a key of it is not there.
        """
        env = dict(initial)
        for source in container.get("envFrom") or ():
            for kind in ("secret", "configMap"):
                if (reference := source.get(f"{kind}Ref")) is not None:
                    optional = bool(reference.get("optional"))
                    found = await self.data(kind.lower(), reference["name"], optional=optional)
                    env |= {source.get("prefix", "") + key: value.decode() for key, value in found.items()}
        for entry in container.get("env") or ():
            value = await self._value(entry, env)
            if value is not None:
                env[entry["name"]] = value
        return env

    async def _value(self, entry: Raw, env: Mapping[str, str]) -> str | None:
        source = entry.get("valueFrom")
        if not source:
            return expand(entry.get("value") or "", env)
        if "fieldRef" in source:
            return field_of(self._pod, source["fieldRef"]["fieldPath"])
        for kind in ("secret", "configMap"):
            if (reference := source.get(f"{kind}KeyRef")) is not None:
                optional = bool(reference.get("optional"))
                found = await self.data(kind.lower(), reference["name"], optional=optional)
                if reference["key"] not in found:
                    if optional:
                        return None
                    place = f"{self._namespace}/{reference['name']}"
                    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {place}")
                return found[reference["key"]].decode()
        return None

    # --- volumes ---

    async def volume(self, volume: Raw, folder: Path) -> Path:
        """Make a volume below `folder`; gives its place.

        Raises:
            ConfigError: what it holds is not there.
        """
        folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - of a temporary folder
        if "emptyDir" in volume:
            folder.chmod(0o777)  # noqa: ASYNC240
        elif "secret" in volume:
            source = volume["secret"]
            optional = bool(source.get("optional"))
            data = await self.data("secret", source["secretName"], optional=optional)
            _write(folder, data, source.get("items"))
        elif "configMap" in volume:
            source = volume["configMap"]
            data = await self.data("configmap", source["name"], optional=bool(source.get("optional")))
            _write(folder, data, source.get("items"))
        elif "downwardAPI" in volume:
            self._downward(folder, volume["downwardAPI"])
        elif "projected" in volume:
            for source in volume["projected"]["sources"]:
                await self._projected(folder, source)
        else:
            kinds = ", ".join(key for key in volume if key != "name")
            raise ConfigError(f"the played kubelet mounts no {kinds}")
        return folder

    async def _projected(self, folder: Path, source: Raw) -> None:
        if (wanted := source.get("serviceAccountToken")) is not None:
            (folder / wanted["path"]).write_text(await self._token(wanted))
        if (wanted := source.get("downwardAPI")) is not None:
            self._downward(folder, wanted)
        for kind in ("secret", "configMap"):
            if (wanted := source.get(kind)) is not None:
                data = await self.data(kind.lower(), wanted["name"], optional=bool(wanted.get("optional")))
                _write(folder, data, wanted.get("items"))

    async def _token(self, wanted: Raw) -> str:
        metadata = self._pod["metadata"]
        spec = {
            "audiences": [wanted["audience"]] if wanted.get("audience") else [],
            "expirationSeconds": wanted.get("expirationSeconds", 3600),
            "boundObjectRef": {
                "apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"],
            },
        }  # fmt: skip
        account = self._pod["spec"].get("serviceAccountName", "default")
        path = SERVICE_ACCOUNTS.path(self._namespace, account, "token")
        token: str = (await self._client.request("POST", path, body={"spec": spec}))["status"]["token"]
        return token

    def _downward(self, folder: Path, source: Raw) -> None:
        for item in source.get("items") or ():
            path = item.get("fieldRef", {}).get("fieldPath", "")
            if path in {"metadata.labels", "metadata.annotations"}:
                found = self._pod["metadata"].get(path.removeprefix("metadata.")) or {}
                text = "\n".join(f"{key}={json.dumps(value)}" for key, value in found.items())
            else:
                text = field_of(self._pod, path)
            _write(folder, {item["path"]: text.encode()}, None)


def binds(container: Raw, volumes: Mapping[str, Path]) -> list[Bind]:
    """Where a container sees the pod's volumes."""
    found = []
    for mount in container.get("volumeMounts") or ():
        source = volumes[mount["name"]]
        if mount.get("subPath"):
            source = source / mount["subPath"]
            if not source.exists():
                source.mkdir(parents=True)
        found.append(Bind(source, mount["mountPath"], bool(mount.get("readOnly"))))
    return found


def waiting(reason: str, message: str = "") -> Raw:
    """The state of a container that has not begun."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def container_status(container: Raw, state: Raw, last: Raw | None = None, restarts: int = 0) -> Raw:
    """One container's status."""
    running = "running" in state
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": container["image"],
        "ready": running or state.get("terminated", {}).get("exitCode") == 0,
        "started": running,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    }


def conditions(phase: str, initialized: bool) -> Sequence[Raw]:  # noqa: FBT001 - what it says
    """A pod's conditions."""
    ready = "True" if phase == "Running" and initialized else "False"
    given = {
        "PodScheduled": "True",
        "Initialized": "True" if initialized else "False",
        "ContainersReady": ready,
        "Ready": ready,
    }
    return [{"type": name, "status": status, "lastTransitionTime": None} for name, status in given.items()]


def _write(folder: Path, data: Mapping[str, bytes], items: Sequence[Raw] | None) -> None:
    paths = {item["key"]: item["path"] for item in items} if items else {key: key for key in data}
    for key, path in paths.items():
        if key not in data:
            raise ConfigError(f"references non-existent key: {key}")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data[key])
