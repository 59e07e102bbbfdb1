"""Whether a bucket is made where it is missing, and what becomes of it when its Dataset goes: `s3.provision`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from moorage.reading.fields import Fields


class DeletionPolicy(StrEnum):
    """What becomes of a bucket that was made for a Dataset when that goes."""

    RETAIN = "Retain"
    DELETE = "Delete"
    """It is deleted, if it is empty."""


@dataclass(frozen=True, slots=True)
class Provision:
    """The operator makes the bucket, with the Dataset's own keys."""

    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        policy = fields.choice("deletionPolicy", DeletionPolicy) or DeletionPolicy.RETAIN
        fields.finish()
        return cls(policy)

    def write(self) -> dict[str, str]:
        """The mapping."""
        return {"deletionPolicy": self.deletion_policy.value}
