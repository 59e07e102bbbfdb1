"""Publishers of the CA bundle that clients trust: read it back, and write it."""

import base64
from typing import Protocol

from moorage.errors import NotFoundError
from moorage.kube import CONFIG_MAPS, Client, RawObject, Resource


class Publisher(Protocol):
    """The places that clients read a bundle from."""

    async def read(self) -> list[bytes]:
        """Read the bundle in each place, b"" where there is none yet."""
        ...

    async def write(self, bundle: bytes) -> None:
        """Put it into every place that differs."""
        ...


class ConfigMapPublisher:
    """Key `ca.crt` of a ConfigMap, which clients mount.

    It is made where it is not there. Needs get and patch of it, and create where the chart does not make it.
    """

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name

    async def read(self) -> list[bytes]:
        """Read the bundle as it is."""
        try:
            found = await self._client.get(CONFIG_MAPS, self._name, self._namespace)
        except NotFoundError:
            return [b""]
        return [((found.get("data") or {}).get("ca.crt") or "").encode()]

    async def write(self, bundle: bytes) -> None:
        """Apply the key; others that somebody added stay."""
        metadata = {"namespace": self._namespace, "name": self._name}
        await self._client.apply(CONFIG_MAPS, {"metadata": metadata, "data": {"ca.crt": bundle.decode()}})


class WebhookPublisher:
    """`caBundle` of every webhook in the given Mutating and ValidatingWebhookConfigurations.

    They are the chart's: one that is missing counts as unpublished, and is not made. Needs get and patch of them.
    """

    def __init__(self, client: Client, configurations: tuple[tuple[Resource, str], ...]) -> None:
        self._client = client
        self._configurations = configurations

    async def read(self) -> list[bytes]:
        """Read the bundle of each webhook."""
        bundles: list[bytes] = []
        for resource, name in self._configurations:
            try:
                bundles += [_bundle(webhook) for webhook in _webhooks(await self._client.get(resource, name))]
            except NotFoundError:
                bundles.append(b"")
        return bundles

    async def write(self, bundle: bytes) -> None:
        """Patch each webhook that has another bundle.

        The webhooks' names are part of the patch's test, so that an upgrade in between can't lead it astray.
        """
        encoded = base64.b64encode(bundle).decode()
        for resource, name in self._configurations:
            try:
                webhooks = _webhooks(await self._client.get(resource, name))
            except NotFoundError:
                continue
            operations = [
                operation
                for index, webhook in enumerate(webhooks)
                if _bundle(webhook) != bundle
                for operation in (
                    {"op": "test", "path": f"/webhooks/{index}/name", "value": webhook["name"]},
                    {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": encoded},
                )
            ]
            if operations:
                await self._client.json_patch(resource, name, operations)


def _webhooks(configuration: RawObject) -> list[RawObject]:
    webhooks: list[RawObject] = configuration.get("webhooks") or []
    return webhooks


def _bundle(webhook: RawObject) -> bytes:
    return base64.b64decode(webhook["clientConfig"].get("caBundle") or "")
