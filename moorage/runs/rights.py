"""RBAC rules of the hub, or of an agent that acts for it, in a spoke's cluster. Pure."""

from typing import Any, Final

from moorage.model import GROUP, SYSTEM_NAMESPACE
from moorage.runs.pipelines import SPOKE_LEASE

HUB_ACCOUNT = "moorage-hub"
"""The hub's service account in a site's cluster, and the name of its role there."""

WORK_AGENT: Final = ("open-cluster-management-agent", "klusterlet-work-sa")
"""Namespace and service account of Open Cluster Management's work agent in a managed cluster."""
AGGREGATE_LABEL: Final = "open-cluster-management.io/aggregate-to-work"
"""The label of a ClusterRole by which its rules are the work agent's, too."""

_BINDINGS = {True: "RoleBinding", False: "ClusterRoleBinding"}
_LABELS = {"app.kubernetes.io/name": "moorage", "app.kubernetes.io/component": "hub"}
_GROUPS = {"apiGroups": [GROUP], "resources": ["pipelinegroups"]}
_RBAC = "rbac.authorization.k8s.io"


def hub_rights(
    namespace: str = SYSTEM_NAMESPACE, account: str = HUB_ACCOUNT, run_namespaces: tuple[str, ...] | None = None
) -> list[dict[str, Any]]:
    """Return the objects to apply in a spoke's cluster: the hub's account there, and what it may do.

    Args:
        namespace: Moorage's own in that cluster.
        account: the service account whose token goes into the hub's kubeconfig.
        run_namespaces: those in which runs may have groups there; None: all. Listing and watching is granted for all
            either way, as an informer follows them by one watch.
    """
    subject = _account(namespace, account)
    reading = {**_GROUPS, "verbs": ["get", "list", "watch"]}
    writing = {**_GROUPS, "verbs": ["create", "patch", "delete"]}
    lease = _lease("get", "list", "watch")
    writer, about_lease = f"{HUB_ACCOUNT}-writer", f"{HUB_ACCOUNT}-lease"
    objects = [
        _made("ServiceAccount", account, namespace),
        _made("ClusterRole", HUB_ACCOUNT, None, rules=[reading]),
        _binding("ClusterRole", HUB_ACCOUNT, subject),
        _made("ClusterRole", writer, None, rules=[writing]),
        _made("Role", about_lease, namespace, rules=[lease]),
        _binding("Role", about_lease, subject, namespace),
    ]
    if run_namespaces is None:
        return [*objects, _binding("ClusterRole", writer, subject)]
    return [*objects, *(_binding("ClusterRole", writer, subject, each) for each in run_namespaces)]


def work_agent_rights(
    namespace: str = SYSTEM_NAMESPACE, run_namespaces: tuple[str, ...] | None = None
) -> list[dict[str, Any]]:
    """Return the objects to apply in a managed cluster, for Open Cluster Management's work agent there.

    The agent makes what the hub's works ask for, and reads its status back. It has these rights already where it is
    cluster-admin, as it is by default.

    Args:
        namespace: Moorage's own in that cluster, where its spoke's Lease is.
        run_namespaces: those in which runs may have groups there; None: all, by a role that the agent's own takes in.
    """
    # What it applies it also reads, and gives an owner.
    groups = {**_GROUPS, "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]}
    name = "moorage-work-agent"
    about_lease = f"{name}-lease"
    subject = _account(*WORK_AGENT)
    objects = [
        _made("Role", about_lease, namespace, rules=[_lease("get", "list", "watch")]),
        _binding("Role", about_lease, subject, namespace),
    ]
    if run_namespaces is None:
        role = _made("ClusterRole", name, None, rules=[groups])
        role["metadata"]["labels"] = {**_LABELS, AGGREGATE_LABEL: "true"}
        return [role, *objects]
    role = _made("ClusterRole", name, None, rules=[groups])
    return [role, *objects, *(_binding("ClusterRole", name, subject, each) for each in run_namespaces)]


def _lease(*verbs: str) -> dict[str, Any]:
    group = "coordination.k8s.io"
    return {"apiGroups": [group], "resources": ["leases"], "resourceNames": [SPOKE_LEASE], "verbs": list(verbs)}


def _account(namespace: str, name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _made(kind: str, name: str, where: str | None, **body: Any) -> dict[str, Any]:  # noqa: ANN401 - of any kind
    metadata = {"name": name, "labels": _LABELS} | ({"namespace": where} if where else {})
    return {
        "apiVersion": "v1" if kind == "ServiceAccount" else f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        **body,
    }


def _binding(kind: str, role: str, subject: dict[str, str], where: str | None = None) -> dict[str, Any]:
    reference = {"apiGroup": _RBAC, "kind": kind, "name": role}
    return _made(_BINDINGS[bool(where)], role, where, roleRef=reference, subjects=[subject])
