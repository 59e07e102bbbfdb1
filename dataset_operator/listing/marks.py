"""The marks by which a store says that a place was made for a Dataset. No word in a spec or a status does."""

from collections.abc import Mapping
from typing import Final

from moorage.model import DatasetRef

UID_TAG: Final = "moorage.dev/dataset-uid"
_NAME_TAG: Final = "moorage.dev/dataset"
_MOST_CHARACTERS: Final = 256
"""Of a tag's value."""


def mark_of(ref: DatasetRef, uid: str) -> Mapping[str, str]:
    """The Dataset's identity, and its name for people."""
    return {UID_TAG: uid, _NAME_TAG: str(ref)[:_MOST_CHARACTERS]}
