"""The typed client for people's Python: notebooks, scripts, and code beside kfp.

It stands on the official `kubernetes` client, which a notebook has at hand and kfp brings along; servers stand on
`moorage.kube`, which needs a fifth of the memory. Install it as `moorage[client]`.

    from moorage.client import Client

    moorage = Client.from_kubeconfig(namespace="fraud")
    moorage.dataset("stewards/claims").status.size_bytes
    for verdict in moorage.where("stewards/claims", purpose="research"):
        print(verdict.site_name, verdict.decision.allowed, verdict.decision.message)

    connecting  a kubeconfig or a pod's own account, and errors of `moorage.errors` instead of the library's
    reading     objects of the API as records of `moorage.model`
    client      `Client`
"""

from moorage.client.client import Client

__all__ = ["Client"]
