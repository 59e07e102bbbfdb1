"""What a Namespace says of purposes, as a record that a reflector can keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.wire import read_namespace_purposes


@dataclass(frozen=True, slots=True)
class NamespacePurposes:
    """The purposes that count in a namespace; `listed` None: it does not limit them."""

    listed: frozenset[str] | None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "NamespacePurposes":
        """Of a raw Namespace."""
        return cls(read_namespace_purposes(raw))
