"""Directories that a source names."""

from moorage.reading.fields import Fields


def absolute(fields: Fields, key: str) -> str:
    """A path from the root that does not climb."""
    path = fields.required_text(key)
    if not path.startswith("/") or ".." in path.split("/"):
        fields.fail(key, f"{path!r} must be absolute and must not contain '..'")
    return path
