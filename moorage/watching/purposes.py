"""What a Namespace says of its readers, as a record that a reflector can keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.wire import read_namespace_purposes
from moorage.wire.defaults import read_namespace_defaults


@dataclass(frozen=True, slots=True)
class NamespacePurposes:
    """The purposes that count in a namespace; `listed` None: it does not limit them.

    `defaults`: the labels that its pods get where they have none, not checked yet; None where it asks for none.
    """

    listed: frozenset[str] | None
    defaults: Mapping[str, str] | None = None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "NamespacePurposes":
        """Of a raw Namespace."""
        return cls(read_namespace_purposes(raw), read_namespace_defaults(raw))
