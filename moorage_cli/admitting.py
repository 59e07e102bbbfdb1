"""What admission makes of a workload's pod: asked by a creation with dryRun, of which nothing is stored.

Labels alone do not say it: a namespace gives its pods labels, and claims of Datasets stand for some.
"""

from dataclasses import dataclass

from moorage.errors import KubeError
from moorage.kube import PODS, Client, RawObject
from moorage.wire.workloads import PodTemplate


@dataclass(frozen=True, slots=True)
class Admitted:
    """A workload's pod.

    Attributes:
        pod: as admission makes it; None: that is not known.
        trouble: why not.
    """

    pod: RawObject | None = None
    trouble: str = ""


async def admit(client: Client, namespace: str, template: PodTemplate) -> Admitted:
    """Ask what would become of a pod of this template now."""
    kept = {key: template.metadata[key] for key in ("labels", "annotations") if key in template.metadata}
    pod: RawObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**kept, "namespace": namespace, "generateName": "why-"},
        "spec": template.spec,
    }
    try:
        return Admitted(await client.create(PODS, pod, dry_run=True))
    except KubeError as error:
        return Admitted(trouble=str(error))
