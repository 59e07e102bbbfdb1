"""Names of tasks' pods: the same attempt has the same name, so making it twice is making it once. Pure."""

import hashlib
import re
from typing import Final

MAIN: Final = "main"
"""The container of the user's image; Kubeflow's executors call it so, too."""
SIDECAR: Final = "moorage-task"
GROUP_ATTEMPT_ANNOTATION: Final = "moorage.dev/group-attempt"
GROUP_ANNOTATION: Final = "moorage.dev/group"
SURVIVES_ANNOTATION: Final = "moorage.dev/survives-cancel"

_UNFIT: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_STEM: Final = 36
_LONGEST_LABEL: Final = 63


def pod_name(run_uid: str, group: str, task: str, attempt: int) -> str:
    """Return a DNS label of at most 63 characters: readable words, the attempt, and a digest of everything."""
    digest = hashlib.sha256("\0".join((run_uid, group, task, str(attempt))).encode()).hexdigest()[:16]
    stem = _UNFIT.sub("-", task.lower()).strip("-")[-_LONGEST_STEM:].strip("-") or "task"
    if not stem[0].isalpha():
        stem = f"t-{stem}"[:_LONGEST_STEM].strip("-")
    return f"{stem}-{attempt}-{digest}"


def group_label(group: str) -> str:
    """Return a group's id as a label's value; a long one is cut, and the annotation has all of it."""
    if len(group) <= _LONGEST_LABEL:
        return group
    return f"{group[:40].rstrip('-.')}-{hashlib.sha256(group.encode()).hexdigest()[:12]}"
