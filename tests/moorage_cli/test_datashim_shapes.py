"""What Datashim's manifests may look like: broken ones are named, and what was about the old object stays behind."""

from typing import Any

import pytest

from moorage.errors import InputError
from moorage_cli.datashim import convert, could_write

LOCAL = {"type": "COS", "endpoint": "https://s3", "bucket": "b", "secret-name": "k"}


def manifest(spec: Any, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a person wrote
    """A Dataset of Datashim's."""
    return {
        "apiVersion": "datashim.io/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": "x", **metadata},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("spec", "field"),
    [("x", "spec"), ({"local": "x"}, "spec.local"), ({"remote": ["x"]}, "spec.remote"), ({"local": 3}, "spec.local")],
)
def test_what_is_no_mapping_is_named(spec: Any, field: str) -> None:  # noqa: ANN401
    """With object, field and remedy."""
    with pytest.raises(InputError, match=rf"Dataset x: {field}: must be a mapping|Dataset: {field}: must be"):
        convert(manifest(spec), "eu-1")
    if field != "spec.remote":
        with pytest.raises(InputError):
            could_write(manifest(spec))


def test_what_was_about_the_old_object_stays_behind() -> None:
    """A tool that tracks the old object would prune the new one; the rest is its author's."""
    labels = {"app.kubernetes.io/instance": "team", "applyset.kubernetes.io/part-of": "x", "team": "fraud"}
    annotations = {"moorage.dev/delete-in-use": "true", "argocd.argoproj.io/tracking-id": "x", "owner": "ann"}
    converted = convert(manifest({"local": LOCAL}, labels=labels, annotations=annotations), "eu-1")
    assert converted.raw is not None
    assert converted.raw["metadata"] == {"name": "x", "labels": {"team": "fraud"}, "annotations": {"owner": "ann"}}
    left = [note for note in converted.notes if "was about the old object" in note]
    assert len(left) == 4
