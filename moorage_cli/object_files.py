"""The objects of a YAML file, or of standard input."""

from pathlib import Path
from typing import Any

import click
import yaml

from moorage.errors import InputError


def read_objects(file: Path) -> list[dict[str, Any]]:
    """All objects of a file, those of its Lists one by one; `-` is standard input.

    Raises:
        InputError: it is not YAML, there is nothing in it, or something that is no object.
    """
    with click.open_file(str(file), encoding="utf-8") as opened:
        text = opened.read()
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        raise InputError(str(file), "document", f"is not YAML: {error}") from error
    if not documents:
        raise InputError(
            str(file), "document", "there is none: if a pipe feeds it, see what the command before it says"
        )
    return [item for document in documents for item in _items(document, str(file))]


def _items(document: object, file: str) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        raise InputError(file, "document", "is not a Kubernetes object")
    if str(document.get("kind", "")).endswith("List"):
        return [item for item in document.get("items") or () if isinstance(item, dict)]
    return [document]
