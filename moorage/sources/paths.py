"""Directories that a source names."""

import re

from moorage.reading.fields import Fields, shown
from moorage.reading.limits import LONGEST

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_folder_name(folder: str) -> bool:
    """Whether it names a folder below another, by whole names, none of which climbs; "" is that folder itself."""
    if not folder:
        return True
    climbs = any(part in {"", ".", ".."} for part in folder.split("/"))
    return not climbs and len(folder) <= LONGEST and not _CONTROL.search(folder)


def absolute(fields: Fields, key: str) -> str:
    """A path from the root that does not climb."""
    path = fields.required_text(key)
    if not path.startswith("/") or ".." in path.split("/"):
        fields.fail(key, f"{shown(path)} must be absolute and must not contain '..'")
    return path
