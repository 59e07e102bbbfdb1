"""The scene of a pod that writes: the next one reads it, and the evidence proves both."""

import json

from demo.errors import SceneError
from demo.stage import CONSUMER, STEWARD, Stage

_DATASET = f"{STEWARD}/monthly-delays"
_AUDIT = ("dataset", "audit", "--dataset", _DATASET, "--since", "10m")


def a_pod_writes_and_the_next_reads(stage: Stage) -> None:
    """Show that what one pod wrote is a version that the next reads, and that the evidence proves both grants."""
    stage.apply("monthly-delays.yaml")
    _run(stage, "summarise", "wrote 12 rows")
    seen = stage.wait("the operator to list what was written", lambda: _listed(stage), 60)
    stage.show(f"kubectl get dset monthly-delays -n {STEWARD}", seen)
    _run(stage, "compare", "worst of 12 months")
    told = stage.wait("the store of evidence to have both lines", lambda: _lines(stage), 30)
    stage.show(f"kubectl {' '.join(_AUDIT)}", told)
    verified = stage.kubectl("dataset", "audit", "verify", check=False)
    stage.show("kubectl dataset audit verify", verified.text)
    if verified.code != 0:
        raise SceneError(f"expected that nothing is missing in the evidence, but saw:\n{verified.text}")


def _run(stage: Stage, pod: str, promise: str) -> None:
    stage.delete_pod(pod)
    stage.apply(f"{pod}.yaml")
    phase = stage.wait_for_phase(pod, {"Succeeded", "Failed"})
    printed = stage.logs(pod)
    stage.show(f"kubectl logs {pod} -n {CONSUMER}", printed)
    if phase != "Succeeded" or promise not in printed:
        raise SceneError(f"expected {promise!r} of pod {pod}, which {phase}, but saw:\n{printed}")


def _listed(stage: Stage) -> str | None:
    status = stage.get("dset", "monthly-delays", "-n", STEWARD).get("status", {})
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
    return stage.kubectl("get", "dset", "monthly-delays", "-n", STEWARD).out if ready else None


def _lines(stage: Stage) -> str | None:
    """Return the table, once it has a grant to write and one to read."""
    lines = stage.kubectl(*_AUDIT, "-o", "json", check=False)
    if lines.code != 0:
        return None
    granted = {(each.get("pod"), each.get("access")) for each in json.loads(lines.out)}
    wanted = {(f"{CONSUMER}/summarise", "readWrite"), (f"{CONSUMER}/compare", None)}
    return stage.kubectl(*_AUDIT).out if wanted <= granted else None
