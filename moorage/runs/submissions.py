"""Objects that submit a run: the StretchedPipeline, and a ConfigMap for a pipeline too long for it. Pure."""

import base64
import gzip
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final

from moorage.errors import InputError
from moorage.reading.limits import longest
from moorage.runs.pipelines import PipelineSource

_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_STEM: Final = 50
_MOST_PACKED_BYTES: Final = 900_000
_KEY: Final = "pipeline.yaml.gz"


@dataclass(frozen=True, slots=True)
class Packed:
    """A run's pipeline: in the run itself, or gzipped in a ConfigMap of the run's name."""

    source: PipelineSource
    gzipped: bytes | None = None

    def config_map(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return the ConfigMap to create before the run; None: none is needed."""
        if self.gzipped is None:
            return None
        metadata = {"name": name, "namespace": namespace}
        held = {"binaryData": {self.source.key: base64.b64encode(self.gzipped).decode()}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, **held}


def pack(content: bytes, name: str, subject: str) -> Packed:
    """Return the pipeline in the run itself where it fits, else for a ConfigMap called `name`.

    Raises:
        InputError: it is too long for either, or no text; says what to do instead.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError(subject, "PIPELINE", "is no text: compile the pipeline to YAML or JSON") from None
    if len(text) <= longest("inline"):
        return Packed(PipelineSource(inline=text))
    gzipped = gzip.compress(content, mtime=0)
    if len(gzipped) > _MOST_PACKED_BYTES:
        raise InputError(
            subject,
            "PIPELINE",
            f"has {len(gzipped):,} bytes gzipped, more than a ConfigMap takes ({_MOST_PACKED_BYTES:,}): put it into a "
            "Site's artifact store and name it in spec.pipeline.object of a StretchedPipeline",
        )
    return Packed(PipelineSource(config_map=name, key=_KEY), gzipped)


def made_name(pipeline: str) -> str:
    """Return a name for a run of the pipeline: a DNS label that ends in a few letters of its own."""
    stem = _NOT_IN_NAMES.sub("-", pipeline.lower()).strip("-")[:_LONGEST_STEM].strip("-") or "run"
    return f"{stem}-{secrets.token_hex(3)}"


def owned_by(created: dict[str, Any], namespace: str, name: str) -> dict[str, Any]:
    """Return a merge patch by which the ConfigMap goes when the run does."""
    owner = {key: created[key] for key in ("apiVersion", "kind")}
    owner |= {key: created["metadata"][key] for key in ("name", "uid")}
    return {"metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]}}
