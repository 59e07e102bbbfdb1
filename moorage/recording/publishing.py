"""The sealing key in a Secret; public keys, heads and the store's place in a ConfigMap, for whoever verifies."""

import base64
from dataclasses import dataclass
from typing import Final, Self

from moorage.errors import ConflictError, InputError, NotFoundError
from moorage.evidence.heads import Head
from moorage.evidence.signing import SealingKey
from moorage.kube import CONFIG_MAPS, SECRETS, Client, RawObject
from moorage.stores.buckets import Bucket, write_bucket

KEY_PREFIX: Final = "key."
HEAD_PREFIX: Final = "head."
STORE: Final = "store"
_KEY_FILE: Final = "ed25519.pem"
_MOST_HEADS: Final = 16


@dataclass(frozen=True, slots=True)
class Places:
    """The place of key and heads: a Secret and a ConfigMap of the same name. The chart makes both, without data."""

    namespace: str
    name: str

    @classmethod
    def of(cls, namespace: str, component: str) -> Self:
        """Return those of a component."""
        return cls(namespace, f"moorage-{component}-evidence")


async def settled_key(client: Client, places: Places) -> SealingKey:
    """Return the key that all replicas seal with; made where there is none.

    Raises:
        KubeError: it could not be read or written.
        InputError: what is there is no key.
    """
    secret = await _get(client, places)
    encoded = ((secret or {}).get("data") or {}).get(_KEY_FILE)
    if encoded:
        return _read(encoded, places)
    key = SealingKey.make()
    data = {_KEY_FILE: base64.b64encode(key.write()).decode()}
    try:
        if secret is None:
            metadata = {"namespace": places.namespace, "name": places.name}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
            await client.create(SECRETS, body)
        else:
            await client.replace(SECRETS, {**secret, "data": {**(secret.get("data") or {}), **data}})
    except ConflictError:  # another replica made one
        secret = await client.get(SECRETS, places.name, places.namespace)
        return _read((secret.get("data") or {}).get(_KEY_FILE) or "", places)
    return key


async def publish(client: Client, places: Places, key: SealingKey, head: Head | None, store: Bucket | None) -> None:
    """Write public key, head and the store's place; heads of old chains go.

    Raises:
        KubeError: the API server would not, or does not answer.
    """
    found = await client.get(CONFIG_MAPS, places.name, places.namespace)
    before: dict[str, str] = found.get("data") or {}
    wanted: dict[str, str | None] = {f"{KEY_PREFIX}{key.public.name}": key.public.write()}
    if store is not None:
        wanted[STORE] = write_bucket(store)
    if head is not None:
        wanted[f"{HEAD_PREFIX}{head.link.chain}"] = head.write().decode()
    heads = sorted({name for name in {*before, *wanted} if name.startswith(HEAD_PREFIX)})
    wanted |= dict.fromkeys(heads[:-_MOST_HEADS])
    changes = {name: value for name, value in wanted.items() if before.get(name) != value}
    if changes:
        metadata = {"namespace": places.namespace, "name": places.name}
        await client.merge_patch(CONFIG_MAPS, {"metadata": metadata, "data": changes})


async def _get(client: Client, places: Places) -> RawObject | None:
    try:
        return await client.get(SECRETS, places.name, places.namespace)
    except NotFoundError:
        return None


def _read(encoded: str, places: Places) -> SealingKey:
    try:
        return SealingKey.read(base64.b64decode(encoded))
    except (InputError, ValueError):
        problem = "is no Ed25519 key in PEM: delete it, and a new one is made; heads that it signed stay valid"
        raise InputError(f"Secret {places.namespace}/{places.name}", f"data[{_KEY_FILE}]", problem) from None
