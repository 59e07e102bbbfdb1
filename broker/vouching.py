"""Whether the pod is what the node plugin says it is, by what the API server says of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.request import GrantRequest
from moorage.errors import InputError
from moorage.model import Pod
from moorage.wire import read_pod

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class Refusal:
    """No.

    Attributes:
        status: the HTTP status: 403 for a rule, 404 and 409 for what is not as it was said.
        message: one sentence with the remedy.
        rule: the stable code of the rule; "" where it was none.
    """

    status: int
    message: str
    rule: str = ""


def vouch(raw: Mapping[str, Any], asked: GrantRequest, node: str) -> Pod | Refusal:
    """The pod, if it is the one that was named, runs on that node, and asks for the dataset itself.

    Args:
        raw: the pod as the API server has it now.
        asked: the request.
        node: where the asking node plugin runs.
    """
    name = f"pod {asked.namespace}/{asked.name}"
    metadata = raw.get("metadata") or {}
    if metadata.get("uid") != asked.uid:
        return Refusal(409, f"{name} is another one now than the one with uid {asked.uid}")
    # A node writes mirror pods as it likes, labels, namespace and all: such a pod vouches for nobody.
    if MIRROR_ANNOTATION in (metadata.get("annotations") or {}):
        return Refusal(403, f"{name} is a static pod of its node, and those get no datasets", "MirrorPod")
    try:
        pod = read_pod(raw)
    except InputError as error:
        return Refusal(403, str(error), "LabelsUnreadable")
    return _not_entitled(pod, asked, node) or pod


def _not_entitled(pod: Pod, asked: GrantRequest, node: str) -> Refusal | None:
    name = f"pod {asked.namespace}/{asked.name}"
    if pod.node_name != node:
        return Refusal(409, f"{name} does not run on node {node}")
    if pod.finished:
        return Refusal(409, f"{name} has finished")
    if asked.dataset not in pod.mounts:
        return Refusal(403, f"{name} has no volume that asks for dataset {asked.dataset}", "NotMounted")
    return None
