"""The labels that a namespace gives to its pods, for frameworks that make pods and can't label them. Pure."""

from collections.abc import Mapping
from typing import Any

from moorage.errors import InputError
from moorage.model import DEFAULTS_LABEL, MIRROR_ANNOTATION, PURPOSE_LABEL
from moorage.refusal import Refusal
from moorage.wire import looks_like_dataset_label
from moorage.wire.defaults import check_defaults, read_namespace_defaults
from moorage.wire.near_misses import near_misses
from webhook.labelled import Labelled
from webhook.review import INVALID, Review
from webhook.validate import Accepted

NONE = "none"
"""The value of the label with which a pod declines the defaults."""

Raw = dict[str, Any]


def label_by_defaults(pod: Raw, namespace: str, defaults: Mapping[str, str]) -> Labelled:
    """Return the pod with the datasets of its namespace, where it names none, and the purpose, where it states none.

    Raises:
        LabelError: the namespace's annotations can't be read.
    """
    metadata = pod.get("metadata") or {}
    labels: dict[str, str] = metadata.get("labels") or {}
    if labels.get(DEFAULTS_LABEL) == NONE or MIRROR_ANNOTATION in (metadata.get("annotations") or {}):
        return Labelled(pod)
    usage = check_defaults(defaults, namespace)
    names_datasets = any(looks_like_dataset_label(key) for key in labels)
    given = {
        key: value
        for key, value in defaults.items()
        if key not in labels and (key == PURPOSE_LABEL or not names_datasets)
    }
    if not given:
        return Labelled(pod)
    origins = {} if names_datasets else {use.index: f"annotations of Namespace {namespace}" for use in usage.uses}
    return Labelled({**pod, "metadata": {**metadata, "labels": {**labels, **given}}}, origins)


def check_namespace(review: Review) -> Accepted | Refusal:
    """Check the defaults that a Namespace sets for its pods, and warn of those that have no effect."""
    after, before = read_namespace_defaults(review.object), read_namespace_defaults(review.old_object)
    metadata = review.object.get("metadata") or {}
    if after is None or metadata.get("deletionTimestamp"):
        return Accepted()
    annotations = metadata.get("annotations") or {}
    if before is not None and annotations == ((review.old_object.get("metadata") or {}).get("annotations") or {}):
        return Accepted()
    try:
        check_defaults(after, str(metadata.get("name")))
    except InputError as error:
        return Refusal(422, INVALID, str(error))
    return Accepted(tuple(near_misses(annotations, {}, called="annotation")))
