"""Which pod calls."""

from typing import Any

import pytest

from moorage.grants.question import PodIdentity
from moorage.serving.token_reviews import UnknownCallerError
from pipeline_executor.task_api.identity import pod_of

POD = "authentication.kubernetes.io/pod-name"
UID = "authentication.kubernetes.io/pod-uid"


def _review(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    user = {"username": "system:serviceaccount:lab:default", "extra": {POD: ["train"], UID: ["u1"]}}
    return {"authenticated": True, "audiences": ["moorage-task"], "user": user | changes.pop("user", {}), **changes}


def test_a_pod_is_known_by_what_its_token_is_bound_to() -> None:
    """Namespace, name and uid are the API server's word."""
    assert pod_of(_review()) == PodIdentity("lab", "train", "u1")


@pytest.mark.parametrize(
    ("review", "told"),
    [
        ({"authenticated": False}, "not valid"),
        ({"audiences": []}, "not meant for moorage-task"),
        ({"audiences": ["moorage-broker"]}, "not meant for moorage-task"),
        ({"user": {"extra": {}}}, "bound to no pod"),
        ({"user": {"extra": {POD: ["train"]}}}, "bound to no pod"),
        ({"user": {"extra": {POD: ["train", "other"], UID: ["u1"]}}}, "bound to no pod"),
        ({"user": {"username": "system:node:n1"}}, "bound to no pod"),
        ({"user": {"username": "system:serviceaccount:lab:a:b"}}, "bound to no pod"),
        ({"user": None}, "bound to no pod"),
    ],
)
def test_strangers(review: dict[str, Any], told: str) -> None:
    """Whoever does not present a pod's own token for this audience is nobody."""
    changed = {**_review(), "user": {}} if review.get("user", 1) is None else _review(**review)
    with pytest.raises(UnknownCallerError, match=told):
        pod_of(changed)
