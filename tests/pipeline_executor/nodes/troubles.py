"""Runs of one task that meets trouble: what the run must say of it, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from devcluster.images import image_reference
from tests.conftest import BUSYBOX
from tests.pipeline_executor.nodes.ground import DOOMED, DOOMED_NODE, NO_STORE, RUNS, STEWARD, STRICT
from tests.pipeline_executor.spoke.pipelines import Raw, scripts

TASK: Final = "a"
LOST: Final = "lost-node"
_FOREVER = "trap 'exit 143' TERM; while :; do sleep 0.1; done"
_EATS_MEMORY = 'x=$(head -c 1000000 /dev/zero | tr "\\0" x); while :; do x="$x$x"; done'
_SCRATCH = {"emptyDirMounts": [{"volumeName": "scratch", "mountPath": "/scratch", "sizeLimit": "1Mi"}]}
_NO_SECRET = {"secretAsVolume": [{"secretName": "no-such", "mountPath": "/secret"}]}
_MOVES_SOON: Raw = {
    "fieldPathAsEnv": [{"name": "NODE", "fieldPath": "spec.nodeName"}],
    "tolerations": [
        {"key": DOOMED, "operator": "Exists", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10},
    ],
    "nodeAffinity": [
        {
            "weight": 100,
            "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [DOOMED_NODE]}],
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One run.

    Attributes:
        says: what the task, its group and the run say, each of them.
        ends: the run's phase in the end; "": it waits for somebody to mend it, and is cancelled.
        planned: whether there is a plan, and so a task and a group.
        options: of the run's spec.
    """

    says: str
    pipeline: bytes
    ends: str = "Failed"
    site: str = "eu-1"
    namespace: str = RUNS
    planned: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


def _task(script: str = "true", image: str = BUSYBOX, platform: Raw | None = None, **container: Any) -> bytes:  # noqa: ANN401
    return scripts({TASK: script}, image=image, platform=platform, **container)


def _reads(dataset: str) -> Raw:
    labels = {"dataset.0.id": dataset, "dataset.0.namespace": STEWARD, "dataset.0.useas": "mount"}
    return {"podMetadata": {"labels": labels}}


def _takes_a_number() -> bytes:
    number = b"  inputDefinitions: {parameters: {count: {parameterType: NUMBER_INTEGER}}}\n"
    return _task().replace(b"root:\n", b"root:\n" + number)


TROUBLES: Final[Mapping[str, Trouble]] = {
    LOST: Trouble(
        says=f"its node {DOOMED_NODE} does not answer",
        pipeline=_task(f'test "$NODE" != {DOOMED_NODE} || sleep 600', platform=_MOVES_SOON),
        ends="Succeeded",
    ),
    "refused": Trouble(
        says="its pod was refused: datasets may be read for research only",
        pipeline=_task(platform={"podMetadata": {"labels": {"refused": "yes"}}}),
    ),
    "no-image": Trouble(
        says="image 127.0.0.1:1/no/such:1 can't be pulled", pipeline=_task(image="127.0.0.1:1/no/such:1")
    ),
    "no-shell": Trouble(says="has no program 'sh'", pipeline=_task(image=image_reference("pause"))),
    "memory": Trouble(
        says="more memory than its limit of 32Mi",
        pipeline=_task(_EATS_MEMORY, resources={"memoryLimit": 0.03, "resourceMemoryLimit": "32Mi"}),
    ),
    "endless": Trouble(
        says="longer than its timeout of 3 s", pipeline=_task(_FOREVER, platform={"activeDeadlineSeconds": "3"})
    ),
    "full-disk": Trouble(
        says='Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". Write less, or raise that limit',
        pipeline=_task(f"head -c 9000000 /dev/zero > /scratch/file; {_FOREVER}", platform=_SCRATCH),
    ),
    "root-in-strict": Trouble(says="image will run as root", pipeline=_task(), namespace=STRICT),
    "no-secret": Trouble(says='secret "no-such" not found', pipeline=_task(platform=_NO_SECRET)),
    "no-bucket": Trouble(says="no-data", pipeline=_task(platform=_reads("no-bucket")), ends=""),
    "wrong-keys": Trouble(says="keys", pipeline=_task(platform=_reads("wrong-keys")), ends=""),
    "no-node": Trouble(
        says="no node may run it now", pipeline=_task(platform={"nodeSelector": {"labels": {"a": "b"}}}), ends=""
    ),
    "parameter": Trouble(
        says="spec.parameters['count']: must be a whole number",
        pipeline=_takes_a_number(),
        planned=False,
        options={"parameters": {"count": "eight"}},
    ),
    "no-store": Trouble(says=f"Site {NO_STORE}", pipeline=_task(), site=NO_STORE, ends="", planned=False),
}
