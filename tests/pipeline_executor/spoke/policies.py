"""Policies of a real API server by which pods of a rig's namespace are refused."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from moorage.errors import KubeError
from moorage.kube import PODS, Resource
from tests.pipeline_executor.spoke.rig import Rig
from tests.polling import until

_GROUP = "admissionregistration.k8s.io"
_POLICIES = Resource(_GROUP, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False)
_BINDINGS = Resource(
    _GROUP, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)


@contextlib.asynccontextmanager
async def policy(  # noqa: PLR0913 - most are keywords
    rig: Rig,
    expression: str,
    message: str,
    *,
    parameters: dict[str, Any] | None = None,
    name: str = "",
    conditions: tuple[str, ...] = (),
) -> AsyncIterator[None]:
    """A policy that holds for pods of the rig's namespace while the block runs.

    Args:
        rig: whose namespace.
        expression: what must hold of a pod.
        message: said where it does not.
        parameters: the policy's `paramKind`.
        name: of the object that is its parameter.
        conditions: which pods it is about.
    """
    called = f"refuse-{rig.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec: dict[str, Any] = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": f"c{number}", "expression": each} for number, each in enumerate(conditions)],
        "validations": [{"expression": expression, "message": message}],
    }
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": rig.namespace}}}
    bound: dict[str, Any] = {"policyName": called, "validationActions": ["Deny"], "matchResources": selector}
    if parameters is not None:
        spec["paramKind"] = parameters
        bound["paramRef"] = {"name": name, "namespace": rig.namespace, "parameterNotFoundAction": "Deny"}
    kind = {"apiVersion": f"{_GROUP}/v1", "metadata": {"name": called}}
    await rig.client.create(_POLICIES, {**kind, "kind": _POLICIES.kind, "spec": spec})
    await rig.client.create(_BINDINGS, {**kind, "kind": _BINDINGS.kind, "spec": bound})
    try:
        yield
    finally:
        await rig.client.delete(_BINDINGS, called)
        await rig.client.delete(_POLICIES, called)


async def until_refused(rig: Rig, word: str, labels: dict[str, str] | None = None) -> None:
    """A policy takes a moment until it counts."""
    spec = {"containers": [{"name": "a", "image": "x"}]}
    metadata = {"name": "probe", "namespace": rig.namespace, "labels": labels or {}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    async def refused() -> bool:
        try:
            await rig.client.create(PODS, pod, dry_run=True)
        except KubeError as error:
            return word in str(error)
        return False

    await until(refused)
