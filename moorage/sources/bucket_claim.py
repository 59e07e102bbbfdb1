"""A bucket from the Container Object Storage Interface, claimed in the dataset's namespace: `bucketClaim`."""

from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Location


@dataclass(frozen=True, slots=True)
class BucketClaimSource(Location):
    """A bucket from the Container Object Storage Interface, claimed in the dataset's namespace."""

    name: str

    kind = "bucketClaim"

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(fields.required_text("name"))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"name": self.name}

    @property
    def words(self) -> str:
        """The claim's name."""
        return f"bucket claim {self.name}"
