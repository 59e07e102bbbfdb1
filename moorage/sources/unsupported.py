"""A kind that another vocabulary names and that can't be served: Datashim's H3."""

from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Location


@dataclass(frozen=True, slots=True)
class UnsupportedSource(Location):
    """A kind of `spec.local` that can't be served."""

    type_name: str

    kind = "unsupported"
    local_types = ("H3",)
    local_keys = ("storageUri", "bucket")

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """It has no mapping of its own."""
        fields.fail("", "exists in spec.local only")

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """H3, whatever it says."""
        for key in cls.local_keys:
            fields.value(key)
        return cls(type_name)

    def write(self) -> dict[str, Any]:
        """It has no mapping of its own."""
        raise ValueError(f"a source of type {self.type_name} exists in spec.local only")

    @property
    def words(self) -> str:
        """The type."""
        return self.type_name

    @property
    def label(self) -> str:
        """The type."""
        return self.type_name
