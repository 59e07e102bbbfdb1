"""The terms of a Namespace for its pods, as a record that a reflector can keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.wire import read_namespace_purposes
from moorage.wire.defaults import read_namespace_defaults


@dataclass(frozen=True, slots=True)
class NamespaceTerms:
    """The terms of a namespace for its pods.

    Attributes:
        purposes: those that count in it; None: it does not limit them.
        defaults: the labels that its pods get where they have none, not checked yet; None where it asks for none.
    """

    purposes: frozenset[str] | None
    defaults: Mapping[str, str] | None = None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "NamespaceTerms":
        """Read the terms of a raw Namespace."""
        return cls(read_namespace_purposes(raw), read_namespace_defaults(raw))
