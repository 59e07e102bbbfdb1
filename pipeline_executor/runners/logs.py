"""Logs of tasks from the API server: bounded, with beginning and end of a longer one."""

from moorage.errors import KubeError, UnreachableError
from moorage.grants.question import PodIdentity
from moorage.kube import Client
from pipeline_executor.runners.pod_states import PodState

_PATIENCE_SECONDS = 60.0
_LAST_LINES = 1000
_LAST_BYTES = 1 << 20
_BUSY = frozenset({429, 500, 502, 503, 504})


def may_come_yet(pod: PodState, tried_seconds: float) -> bool:
    """Return whether to retry an unreadable log: a kubelet may be restarting; a lost node is given up."""
    return tried_seconds < _PATIENCE_SECONDS and not pod.unheard


async def read_log(client: Client, pod: PodIdentity, container: str, most_bytes: int) -> bytes:
    """Read the log of a task's own container; a line in its place where nobody has it any more.

    Raises:
        KubeError: it can't be read now; ask again.
    """
    try:
        content = await client.read_log(pod.name, pod.namespace, container, most_bytes=most_bytes)
        if len(content) < most_bytes:
            return content
        last = await client.read_log(pod.name, pod.namespace, container, most_bytes=_LAST_BYTES, last_lines=_LAST_LINES)
    except UnreachableError:
        raise
    except KubeError as error:
        if error.status in _BUSY:
            raise
        # The container never began, or the pod is gone: nobody will have it later.
        return note(f"nothing could be read of its log: {error}")
    between = note(f"only its first {most_bytes:,} bytes and its last {_LAST_LINES} lines were kept")
    return b"".join((content, b"\n", between, last))


def note(text: str) -> bytes:
    """Return a line of ours in a task's log."""
    return f"[moorage] {' '.join(text.split())}\n".encode()
