"""Parts of messages, read strictly: paths, counts, digests, texts of bounded length. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

from moorage.reading.fields import Fields
from pipeline_executor.task_sidecar.exchange.bounds import MOST_IN_PAGE

LONGEST_PATH_BYTES: Final = 900
"""The limit of a file's path below its output, in UTF-8: an S3 key has 1,024 bytes, the output's place included."""

_SHA256_LENGTH: Final = 64


def file_path(fields: Fields, key: str) -> str:
    """Return a path below an artifact's own, which leads nowhere else; "" for the artifact itself.

    Raises:
        InputError: it is none.
    """
    path = fields.value(key)
    if not isinstance(path, str):
        fields.fail(key, "must be a text")
    if (problem := path_problem(path)) is not None:
        fields.fail(key, problem)
    return path


def path_problem(path: str) -> str | None:
    """Return the reason why a file can't have this path in an artifact, or None. Pure."""
    if not path:
        return None
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "is no UTF-8: give it another name"
    if length > LONGEST_PATH_BYTES:
        return f"has {length} bytes; a path in an artifact has at most {LONGEST_PATH_BYTES}: give it a shorter name"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "must be a path below the artifact's own"
    if not path.isprintable():
        return "has characters that can't be printed: give it another name"
    return None


def read_page(fields: Fields, key: str) -> list[Fields]:
    """Read a list of at most `MOST_IN_PAGE` objects.

    Raises:
        InputError: it is none.
    """
    raw = fields.value(key)
    if not isinstance(raw, list) or len(raw) > MOST_IN_PAGE:
        fields.fail(key, f"must be a list of at most {MOST_IN_PAGE}")
    return fields.subs(key)


def read_place(fields: Fields, key: str) -> str:
    """Read an absolute path of a container.

    Raises:
        InputError: it is none.
    """
    path = read_text(fields, key, 4096)
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        fields.fail(key, "must be an absolute path")
    return path


def read_count(fields: Fields, key: str) -> int:
    """Read a count, which must be there.

    Raises:
        InputError: it is none.
    """
    count = fields.count(key)
    if count is None:
        fields.fail(key, "is required")
    return count


def read_digest(fields: Fields, key: str, *, empty: bool = False) -> str:
    """Read a SHA-256; "" where `empty` says that it may be missing.

    Raises:
        InputError: it is none.
    """
    text = fields.value(key)
    if empty and text == "":
        return ""
    if not isinstance(text, str) or len(text) != _SHA256_LENGTH or set(text) - set("0123456789abcdef"):
        fields.fail(key, "must be a SHA-256 in lower-case hexadecimal digits")
    return text


def read_text(fields: Fields, key: str, longest: int) -> str:
    """Read a text of at most `longest` characters, of any kind.

    Raises:
        InputError: it is none.
    """
    text = fields.value(key)
    if not isinstance(text, str) or len(text) > longest:
        fields.fail(key, f"must be a text of at most {longest} characters")
    return text


def write_document(document: Mapping[str, Any]) -> bytes:
    """Write a message. What is no UTF-8 becomes question marks."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
