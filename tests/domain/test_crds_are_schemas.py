"""A comma in an unquoted description makes two keys of one: kubectl drops the second, the API server may not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
KEYWORDS = frozenset(
    {"additionalProperties", "anyOf", "default", "description", "enum", "format", "items", "maxItems", "maxLength"}
    | {"maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern"}
    | {"properties", "required", "type"}
)


def strange_keys(schema: dict[str, Any], path: str) -> Iterator[str]:
    """The keys that are none of a structural schema's, with their paths."""
    for key in schema:
        if key not in KEYWORDS and not key.startswith("x-kubernetes-"):
            yield f"{path}: {key}"
    for name, below in (schema.get("properties") or {}).items():
        yield from strange_keys(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from strange_keys(schema[key], f"{path}.{key}")


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_a_schema_has_keywords_only(path: Path) -> None:
    """Every key is one that the API server knows."""
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    assert list(strange_keys(version["schema"]["openAPIV3Schema"], "")) == []
