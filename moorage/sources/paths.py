"""Directories that a source names."""

from moorage.reading.fields import Fields, shown


def absolute(fields: Fields, key: str) -> str:
    """A path from the root that does not climb."""
    path = fields.required_text(key)
    if not path.startswith("/") or ".." in path.split("/"):
        fields.fail(key, f"{shown(path)} must be absolute and must not contain '..'")
    return path
