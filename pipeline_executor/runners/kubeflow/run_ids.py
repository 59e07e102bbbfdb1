"""Ids of groups' attempts in Kubeflow Pipelines: the same attempt is the same run. Pure."""

import uuid
from typing import Final

from moorage.runs import GroupSpec

_RUNS: Final = uuid.UUID("0f0e7f3c-6d0e-5c5f-8f1a-4f6f2b7f9a52")


def run_id(spec: GroupSpec) -> str:
    """Return a UUID made of the run's uid, the group's id and the attempt, and of nothing else."""
    return str(uuid.uuid5(_RUNS, "\0".join((spec.run.uid, spec.group, str(spec.attempt)))))
