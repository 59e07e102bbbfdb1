"""On which nodes a volume is, as a PersistentVolume's `nodeAffinity` says it. What can't be read matches no node."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

Raw = Mapping[str, Any]
_NAME = "metadata.name"


@dataclass(frozen=True, slots=True)
class NodeTerms:
    """Terms of which one has to hold.

    Attributes:
        terms: each a list of requirements that all have to hold, on labels and on fields; None: any node will do.
    """

    terms: tuple[tuple[tuple[bool, str, str, tuple[str, ...]], ...], ...] | None = None

    @classmethod
    def read(cls, affinity: object) -> Self:
        """From `spec.nodeAffinity`."""
        if affinity is None:
            return cls()
        required = affinity.get("required") if isinstance(affinity, dict) else {}
        if required is None:
            return cls()
        terms = required.get("nodeSelectorTerms") if isinstance(required, dict) else None
        if not isinstance(terms, list) or not all(isinstance(term, dict) for term in terms):
            return cls(())
        return cls(tuple(_read_term(term) for term in terms))

    def match(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node is one of them."""
        if self.terms is None:
            return True
        fields = {_NAME: name}
        return any(
            bool(term) and all(_holds(each[1:], fields if each[0] else labels) for each in term) for term in self.terms
        )


ANY_NODE: Final = NodeTerms()


def _read_term(term: Raw) -> tuple[tuple[bool, str, str, tuple[str, ...]], ...]:
    found = []
    for is_field, key in ((False, "matchExpressions"), (True, "matchFields")):
        for each in term.get(key) or ():
            raw: Raw = each if isinstance(each, dict) else {}
            values = tuple(str(value) for value in raw.get("values") or ())
            found.append((is_field, str(raw.get("key") or ""), str(raw.get("operator") or ""), values))
    return tuple(found)


def _holds(requirement: tuple[str, str, tuple[str, ...]], told: Mapping[str, str]) -> bool:
    key, operator, values = requirement
    value = told.get(key)
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" if value is not None and len(values) == 1:
            with suppress(ValueError):
                return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    return False
