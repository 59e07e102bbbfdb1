"""A run's pods wait at a scheduling gate until its queue has room: on a real API server and a real scheduler.

What Kueue's webhook does to a pod with its label, a policy of the API server does here; the test itself is the queue.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moorage.kube import PODS, Resource
from moorage.runs.pipelines import QUEUE_LABEL
from tests.pipeline_executor.spoke.pipelines import pair
from tests.pipeline_executor.spoke.rig import Rig
from tests.polling import until

# A spoke that is ended in the middle of a request leaves a connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_GROUP = "admissionregistration.k8s.io"
_POLICIES = Resource(_GROUP, "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", namespaced=False)
_BINDINGS = Resource(
    _GROUP, "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", namespaced=False
)
_GATE = "kueue.x-k8s.io/admission"


@contextlib.asynccontextmanager
async def _gated(rig: Rig) -> AsyncIterator[None]:
    """Pods of the rig's namespace with the queue's label get Kueue's gate while the block runs."""
    called = f"queues-{rig.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    gate = f'Object{{spec: Object.spec{{schedulingGates: [Object.spec.schedulingGates{{name: "{_GATE}"}}]}}}}'
    spec: dict[str, Any] = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [
            {
                "name": "has-a-queue",
                "expression": f"has(object.metadata.labels) && '{QUEUE_LABEL}' in object.metadata.labels",
            }
        ],
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": gate}}],
    }
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": rig.namespace}}}
    kind = {"apiVersion": f"{_GROUP}/v1", "metadata": {"name": called}}
    await rig.client.create(_POLICIES, {**kind, "kind": _POLICIES.kind, "spec": spec})
    bound = {"policyName": called, "matchResources": selector}
    await rig.client.create(_BINDINGS, {**kind, "kind": _BINDINGS.kind, "spec": bound})

    async def counts() -> bool:
        metadata = {"name": "probe", "namespace": rig.namespace, "labels": {QUEUE_LABEL: "any"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        spec = {"containers": [{"name": "a", "image": "x"}]}
        made = await rig.client.create(PODS, {**pod, "spec": spec}, dry_run=True)
        return bool(made["spec"].get("schedulingGates"))

    try:
        await until(counts)
        yield
    finally:
        await rig.client.delete(_BINDINGS, called)
        await rig.client.delete(_POLICIES, called)


async def _admit(rig: Rig, queue: str) -> None:
    """Room for each pod of a queue that waits."""
    for pod in await rig.pods():
        metadata = pod["metadata"]
        if metadata.get("labels", {}).get(QUEUE_LABEL) == queue and pod["spec"].get("schedulingGates"):
            names = {key: metadata[key] for key in ("namespace", "name")}
            await rig.client.merge_patch(PODS, {"metadata": names, "spec": {"schedulingGates": None}})


async def test_each_task_waits_for_its_queue_and_says_so(any_rig: Rig) -> None:
    """By either runner: no pod runs before the queue admits it, and then the group goes on to its end."""
    rig = any_rig
    async with _gated(rig), rig.spoke():
        name = await rig.submit(pair(), queue="team-a")
        for task in ("write", "double"):

            def waits(status: dict[str, Any], task: str = task) -> bool:
                said = {each["name"]: (each["phase"], each.get("message", "")) for each in status.get("tasks", ())}
                return said.get(task) == ("Pending", f"waits to be admitted: scheduling gate {_GATE}")

            await rig.says(name, waits)
            assert len(rig.kubelet.began) == ("write", "double").index(task)
            await _admit(rig, "team-a")
        status = await rig.ended(name)
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 2}), status
