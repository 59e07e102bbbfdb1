"""A claim in the dataset's namespace: `pvc`."""

from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Location


@dataclass(frozen=True, slots=True)
class PvcSource(Location):
    """A claim in the dataset's namespace."""

    claim_name: str

    kind = "pvc"

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(fields.required_text("claimName"))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"claimName": self.claim_name}

    @property
    def words(self) -> str:
        """The claim's name."""
        return f"claim {self.claim_name}"
