"""Permitted places of outputs: a URI is a tenant's word, and the spoke would read there with its own keys.

Kubeflow puts an output at ROOT/PIPELINE/RUN_ID/TASK/uuid/OUTPUT. A component may say that its artifact lies elsewhere,
and ML Metadata repeats it. Elsewhere may be what another task made under other rules, or another tenant. So what does
not lie in its own task's place is no output here. Pure.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one attempt of a group.

    Attributes:
        root_uri: below it lie the outputs of its run.
        run_id: Kubeflow's.
        runs_uri: below it lie all runs of its namespace, whose outputs Kubeflow's cache may give out.
        imported: what was brought for it.
    """

    root_uri: str
    run_id: str
    runs_uri: str
    imported: frozenset[str] = frozenset()

    def is_known(self, uri: str) -> bool:
        """Return whether an input lies where one may: it was brought, or a run of the same namespace made it."""
        below = uri.removeprefix(f"{self.runs_uri.rstrip('/')}/")
        # A run's name, its uid, and something that it made: no whole run, and not all of them.
        made = re.fullmatch("[^/]+(/[^/]+){2,}", below) is not None and below != uri
        return ".." not in uri.split("/") and (uri in self.imported or made)

    def is_own(self, uri: str, task: str, output: str, *, cached: bool) -> bool:
        """Return whether an output of a task, named as in the group's file, lies where it must."""
        part = "[^/]+"
        place = f"{part}/{part if cached else re.escape(self.run_id)}/{re.escape(task)}/{part}/{re.escape(output)}"
        if cached:
            pattern = f"{re.escape(self.runs_uri.rstrip('/'))}/{part}/{part}/kubeflow/[0-9]+/{place}"
        else:
            pattern = f"{re.escape(self.root_uri.rstrip('/'))}/{place}"
        return re.fullmatch(pattern, uri) is not None and ".." not in uri.split("/")
