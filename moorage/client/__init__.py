"""The typed client for people's Python: notebooks, scripts, and code beside kfp.

It stands on the official `kubernetes` client, which a notebook has at hand and kfp brings along; servers stand on
`moorage.kube`, which needs a fifth of the memory. Install it as `moorage[client]`.

    from moorage.client import Client

    moorage = Client.from_kubeconfig(namespace="fraud")
    moorage.dataset("stewards/claims").status.size_bytes
    for verdict in moorage.where("stewards/claims", purpose="research"):
        print(verdict.site_name, verdict.decision.allowed, verdict.decision.message)

    run = moorage.submit(pipeline, {"threshold": 8.0}, objective="money,carbon")
    run.wait().succeeded
    run.outputs("find-worst").parameters["Output"]

    connecting  a kubeconfig or a pod's own account, and errors of `moorage.errors` instead of the library's
    reading     objects of the API as records of `moorage.model`
    objects     raw objects, through the official library
    client      `Client`
    submitting  makes a run of a pipeline
    run         `Run`: its status, its logs, what it gave out; cancel, retry
    statuses    how far a run is, as records: pure
    artifacts   what tasks gave out
    storing     reads the stores, for a program that does not await
    showing     a run as HTML: pure
"""

from moorage.client.artifacts import Outputs, RunArtifact
from moorage.client.client import Client
from moorage.client.run import Run
from moorage.client.statuses import GroupStatus, RunStatus, TaskStatus

__all__ = ["Client", "GroupStatus", "Outputs", "Run", "RunArtifact", "RunStatus", "TaskStatus"]
