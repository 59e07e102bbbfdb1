"""A run's pipeline and hints, wherever they are: in the object, in a ConfigMap beside it, in a store."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

from moorage.errors import InputError, NotFoundError
from moorage.kube import CONFIG_MAPS, Client
from moorage.runs import RunRef, StretchedPipeline
from pipeline_executor.store import SiteStores

MOST_BYTES = 8 << 20
"""Of a pipeline, unpacked."""
_GZIP = b"\x1f\x8b"
_HINTS_KEY = "hints.yaml"


async def read_pipeline(run: StretchedPipeline, client: Client, stores: SiteStores) -> str:
    """The text of a run's pipeline.

    Raises:
        InputError: it is not where the run says, or no text.
        StoreError, KubeError: whoever has it did not answer.
    """
    source = run.source
    if source.inline is not None:
        return source.inline
    if source.config_map is not None:
        content = await _from_config_map(run.ref, "spec.pipeline.configMapRef", source.config_map, source.key, client)
        return _text(run.ref, "spec.pipeline.configMapRef", content)
    key = source.object_key or ""
    check_key(run.ref, key)
    store = await stores.get(source.object_site or "")
    found = await store.get(f"{store.prefix}/{key}" if store.prefix else key, MOST_BYTES)
    if found is None:
        problem = f"there is no object {key} in the artifact store of Site {source.object_site}: upload it"
        raise InputError(_subject(run.ref), "spec.pipeline.object", problem)
    return _text(run.ref, "spec.pipeline.object", found)


async def read_hints(run: StretchedPipeline, client: Client) -> list[tuple[str, str | Mapping[str, Any]]]:
    """What a run says beside its pipeline, the later wins.

    Raises:
        InputError: the ConfigMap is not there, or holds no text.
        KubeError: the API server did not answer.
    """
    hints: list[tuple[str, str | Mapping[str, Any]]] = []
    if run.hints_config_map is not None:
        content = await _from_config_map(run.ref, "spec.hintsConfigMap", run.hints_config_map, _HINTS_KEY, client)
        hints.append((f"ConfigMap {run.hints_config_map}", _text(run.ref, "spec.hintsConfigMap", content)))
    if run.hints is not None:
        hints.append(("spec.hints", run.hints))
    return hints


def check_key(run: RunRef, key: str) -> None:
    """Whoever may start runs in one namespace must not read what belongs to another's.

    Raises:
        InputError: the key leads elsewhere.
    """
    parts = key.split("/")
    if ".." in parts or "" in parts or len(parts) < 3 or parts[1] != run.namespace:  # noqa: PLR2004 - folder, namespace, name
        problem = (
            f"must be <folder>/{run.namespace}/<name>, as pipelines/{run.namespace}/train.yaml: only there it is yours"
        )
        raise InputError(_subject(run), "spec.pipeline.object.key", problem)


async def _from_config_map(run: RunRef, field: str, name: str, key: str, client: Client) -> bytes:
    try:
        raw = await client.get(CONFIG_MAPS, name, run.namespace)
    except NotFoundError:
        problem = f"there is no ConfigMap {name} in namespace {run.namespace}: create it, or correct the name"
        raise InputError(_subject(run), field, problem) from None
    text = (raw.get("data") or {}).get(key)
    if isinstance(text, str):
        return text.encode()
    try:
        return base64.b64decode((raw.get("binaryData") or {})[key])
    except (KeyError, TypeError, binascii.Error):
        raise InputError(_subject(run), field, f"ConfigMap {name} has no key {key}: add it") from None


def _text(run: RunRef, field: str, content: bytes) -> str:
    if content.startswith(_GZIP):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            content = unpacker.decompress(content, MOST_BYTES + 1)
        except zlib.error:
            raise InputError(_subject(run), field, "is damaged: it can't be unpacked; upload it again") from None
    if len(content) > MOST_BYTES:
        raise InputError(_subject(run), field, f"must have at most {MOST_BYTES:,} bytes, unpacked")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(_subject(run), field, "is not UTF-8: save it as UTF-8") from None


def _subject(run: RunRef) -> str:
    return f"StretchedPipeline {run.namespace}/{run.name}"
