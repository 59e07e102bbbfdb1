"""The scene of copies on nodes: one is made ahead of its reader, who goes there and reads at the disk's speed."""

import json
from dataclasses import dataclass

from demo.errors import SceneError
from demo.stage import CONSUMER, STEWARD, Stage

_WARM = ("dataset", "warm", f"{STEWARD}/flights", "-n", CONSUMER)
_PURPOSE = ("--purpose", "research")


@dataclass(frozen=True)
class Read:
    """A pod's measurement of one read.

    Attributes:
        node: where it ran.
        mount: the type of file system that it read.
        seconds: that opening and reading all files took.
    """

    node: str
    mount: str
    size_bytes: int
    seconds: float
    checksum: str

    @property
    def told(self) -> str:
        """The measurement in words."""
        speed = self.size_bytes / self.seconds / 1e6
        return f"{self.size_bytes / 1e6:.1f} MB in {self.seconds * 1000:.0f} ms, {speed:.0f} MB/s, on {self.node}"


def a_node_copies_it_ahead(stage: Stage) -> None:
    """The first pod streams; a node is asked to copy; the next pod goes there, and reads local files."""
    let_copies_go(stage)
    first = _measure(stage, "first")
    stage.tell(f"streamed from the store: {first.told}")
    refused = stage.kubectl(*_WARM, check=False)
    stage.show(f"kubectl {' '.join(_WARM)}", refused.text)
    if refused.code != 1 or "PurposeMissing" not in refused.text:
        raise SceneError(f"expected that nobody has a node copy what it may not read, but saw:\n{refused.text}")
    warmed = stage.kubectl(*_WARM, *_PURPOSE, "--timeout", "90s")
    stage.show(f"kubectl {' '.join((*_WARM, *_PURPOSE))}", warmed.out)
    node = stage.wait("the node to tell of its copy", lambda: _holder(stage), 30)
    second = _measure(stage, "second")
    stage.tell(f"from the node's copy: {second.told} ({first.seconds / second.seconds:.1f} times as fast)")
    for read in (first, second):
        if read.checksum != stage.flights.checksum:
            raise SceneError(f"expected the bytes that were uploaded, but saw:\n{read}")
    if second.node != node or second.mount.startswith("fuse") or not first.mount.startswith("fuse"):
        raise SceneError(f"expected a stream, and then the copy on {node}, but saw:\n{first}\n{second}")


def let_copies_go(stage: Stage) -> None:
    """Have readers stream again: an earlier demo on this cluster may have left copies."""
    stage.kubectl("dataset", "evict", "flights", "-n", STEWARD, "--all")


def _measure(stage: Stage, pod: str) -> Read:
    stage.delete_pod(pod)
    stage.apply("measured.yaml", show=False, pod=pod)
    if stage.wait_for_phase(pod, {"Succeeded", "Failed"}) != "Succeeded":
        raise SceneError(f"pod {pod} failed:\n{stage.logs(pod)}")
    told = json.loads(stage.logs(pod))
    node = stage.get("pod", pod, "-n", CONSUMER)["spec"]["nodeName"]
    stage.delete_pod(pod)
    return Read(node, told["mount"], told["bytes"], told["seconds"], told["sha256"])


def _holder(stage: Stage) -> str | None:
    """Return the node that tells of a whole copy."""
    for cache in stage.get("nodecaches").get("items", []):
        for held in cache.get("status", {}).get("datasets", []):
            if (held["namespace"], held["name"], held["bytes"]) == (STEWARD, "flights", stage.flights.size_bytes):
                return str(cache["metadata"]["name"])
    return None
