"""The scheduler's wire format (`k8s.io/kube-scheduler/extender/v1`, names only) and that of /sites/score.

In: ExtenderArgs `{Pod, NodeNames}`. Out: ExtenderFilterResult, HostPriorityList. Their Go structs carry no tags, so the
names are capitalised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from moorage import wire
from moorage.errors import InputError
from moorage.locality.verdicts import Filtered
from moorage.model import Pod
from moorage.reading.documents import Bounds, read_object

Raw = dict[str, Any]

# 15,000 node names of 63 letters, and a pod as large as etcd takes it, with room to spare.
BOUNDS = Bounds(most_bytes=16 << 20, most_depth=64)
_TEXT = frozenset({str})


@dataclass(frozen=True, slots=True)
class Args:
    """A pod, not yet understood, and the candidates that the in-tree filters left."""

    raw_pod: Raw
    node_names: list[str]


def read_args(body: bytes) -> Args:
    """The arguments of /filter and /prioritize.

    Raises:
        InputError: it is no such object, or it holds whole nodes: the scheduler's `nodeCacheCapable` must be true.
    """
    names: object = None

    def decode(data: bytes) -> object:
        # The names are taken out before the depth is looked at: they are by far the most, and looked at once here.
        nonlocal names
        raw = orjson.loads(data)
        names = raw.pop("NodeNames", None) if isinstance(raw, dict) else None
        return raw

    fields = read_object(body, "ExtenderArgs", BOUNDS, decode)
    pod = fields.mapping("Pod")
    if not pod:
        fields.fail("Pod", "is required")
    if not isinstance(names, list) or not _TEXT.issuperset(map(type, names)):
        fields.fail("NodeNames", "must list names: set nodeCacheCapable: true in the KubeSchedulerConfiguration")
    return Args(pod, names)


def read_question(body: bytes) -> Pod:
    """The pod of a /sites/score question: a Pod object, or `{namespace, serviceAccount?, labels}`.

    Raises:
        InputError: it is neither, or its labels can't be read.
    """
    raw: Raw = dict(read_object(body, "question", BOUNDS, orjson.loads).raw)
    if "metadata" not in raw:
        labels, namespace = raw.get("labels"), raw.get("namespace")
        if not isinstance(labels, dict) or not isinstance(namespace, str):
            raise InputError("question", "labels", "give a Pod, or {namespace, serviceAccount, labels}")
        raw = {
            "metadata": {"name": "question", "namespace": namespace, "labels": labels},
            "spec": {"serviceAccountName": raw.get("serviceAccount")},
        }
    elif isinstance(raw["metadata"], dict) and not raw["metadata"].get("name"):  # a template has none
        raw = {**raw, "metadata": {**raw["metadata"], "name": raw["metadata"].get("generateName") or "question"}}
    return wire.read_pod(raw)


def write_filtered(filtered: Filtered) -> Raw:
    """The answer of /filter. No preemption helps against a rule, so all refusals are unresolvable."""
    return {"NodeNames": filtered.passed, "FailedNodes": {}, "FailedAndUnresolvableNodes": filtered.refused}


def write_refused(node_names: Sequence[str], reason: str) -> Raw:
    """The answer of /filter where no node can pass, whichever it is."""
    return write_filtered(Filtered([], dict.fromkeys(node_names, reason)))


def write_error(message: str) -> Raw:
    """The answer of /filter when nothing can be said now: the scheduler shows the sentence and tries again."""
    return {"Error": message}


def write_priorities(of_node: Mapping[str, int]) -> bytes:
    """The answer of /prioritize, as JSON. Names of the same score are joined at once: there are thousands."""
    by_score: dict[int, list[str]] = {}
    for name, score in of_node.items():
        by_score.setdefault(score, []).append(name)
    parts = []
    for score, names in by_score.items():
        separator = f'","Score":{score}}},{{"Host":"'
        joined = separator.join(names)
        plain = "".join(names)
        if len(orjson.dumps(plain)) != len(plain) + 2:  # something in a name has to be escaped
            return orjson.dumps([{"Host": name, "Score": each} for name, each in of_node.items()])
        parts.append(f'{{"Host":"{joined}","Score":{score}}}')
    return f"[{','.join(parts)}]".encode()
