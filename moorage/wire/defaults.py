"""Defaults of a Namespace for pods without dataset labels: the words of the labels, as annotations."""

import re
from collections.abc import Mapping

from moorage.errors import LabelError
from moorage.model import DEFAULTS_LABEL, PURPOSE_LABEL, Usage
from moorage.reading.fields import Raw
from moorage.wire.pod import looks_like_dataset_label, read_usage

ENABLED = "enabled"
MOST_KEPT = 512
"""Annotations that are kept of one Namespace: more than labels can be read."""
_LONGEST_VALUE = 63
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")


def read_namespace_defaults(raw: Raw) -> Mapping[str, str] | None:
    """Read the labels that pods without dataset labels get, not checked yet; None where the Namespace asks for none.

    What is too long for a label is cut, so that a cache of Namespaces is bounded, and is still too long.
    """
    metadata = raw.get("metadata") or {}
    if (metadata.get("labels") or {}).get(DEFAULTS_LABEL) != ENABLED:
        return None
    annotations = metadata.get("annotations") or {}
    ours = sorted(key for key in annotations if key == PURPOSE_LABEL or looks_like_dataset_label(key))
    return {key[:128]: str(annotations[key])[: _LONGEST_VALUE + 1] for key in ours[:MOST_KEPT]}


def check_defaults(defaults: Mapping[str, str], namespace: str) -> Usage:
    """Check defaults, and return the usage that a pod gets by them.

    Raises:
        LabelError: they can't be read, naming the annotation and the remedy.
    """
    subject = f"Namespace {namespace}"
    for key, value in sorted(defaults.items()):
        if len(value) > _LONGEST_VALUE or not _VALUE.fullmatch(value):
            raise LabelError(
                subject,
                f"metadata.annotations[{key}]",
                f"must be fit for a label, because pods get it as one: at most {_LONGEST_VALUE} letters, digits, '-', "
                "'_' and '.'",
            )
    try:
        return read_usage(defaults, namespace, subject)
    except LabelError as error:
        field = error.field.replace("metadata.labels", "metadata.annotations")
        raise LabelError(subject, field, error.problem) from None
