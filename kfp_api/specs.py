"""Compiled pipelines as ConfigMaps hold them: made, and read again, the last ones from memory."""

import base64
import binascii
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kfp_api import objects
from kfp_api.answers import Code, RequestError, not_found
from kfp_api.compiling import BETWEEN, Compiled, inputs_of, shown_spec
from kfp_api.packages import MOST_TEXT_BYTES
from moorage.errors import NotFoundError
from moorage.kube import CONFIG_MAPS, Client, RawObject

_CACHE_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Spec:
    """A kept pipeline: its spec as answers hold it (JSON), its description and input parameters."""

    shown: bytes
    description: str
    inputs: dict[str, Any]


class Specs:
    """A cached reader of kept pipelines.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cache: OrderedDict[tuple[str, str, int], Spec] = OrderedDict()
        self._cached_bytes = 0

    async def of_version(self, namespace: str, name: str, revision: int) -> Spec:
        """Return the pipeline that a ConfigMap held in that revision, or holds now.

        Raises:
            RequestError: it is not there, or can't be read.
        """
        key = namespace, name, revision
        if (spec := self._cache.get(key)) is not None:
            self._cache.move_to_end(key)
            return spec
        try:
            raw = await self._client.get(CONFIG_MAPS, name, namespace)
        except NotFoundError:
            raise not_found("pipeline spec", name) from None
        spec = read_spec(raw)
        if key in self._cache:  # Somebody else asked for it meanwhile; its bytes count once.
            return spec
        self._cache[key] = spec
        self._cached_bytes += len(spec.shown)
        while self._cached_bytes > _CACHE_BYTES:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= len(dropped.shown)
        return spec


def read_spec(raw: RawObject) -> Spec:
    """Read the pipeline in a ConfigMap of ours. Pure.

    Raises:
        RequestError: somebody else wrote it.
    """
    try:
        packed = base64.b64decode((raw.get("binaryData") or {})[objects.FILE], validate=True)
        inflating = zlib.decompressobj(wbits=31)
        # A truncated text is no JSON any more.
        text = inflating.decompress(packed, MOST_TEXT_BYTES)
        spec = orjson.loads(text.partition(BETWEEN)[0])
        description = (spec.get("pipelineInfo") or {}).get("description")
        return Spec(shown_spec(text), description if isinstance(description, str) else "", inputs_of(spec))
    except (KeyError, ValueError, AttributeError, binascii.Error, zlib.error):
        name = raw["metadata"]["name"]
        message = f"ConfigMap {name} holds no pipeline that this server wrote: upload the version anew"
        raise RequestError(Code.FAILED_PRECONDITION, message) from None


def with_pipeline(config_map: RawObject, compiled: Compiled) -> RawObject:
    """Return the ConfigMap, holding the pipeline. Nobody should change it under a run."""
    return {
        **config_map,
        "binaryData": {objects.FILE: base64.b64encode(compiled.kept).decode()},
    }
