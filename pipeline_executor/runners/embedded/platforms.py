"""Pod parts from an executor's platform configuration (kfp-kubernetes). Pure.

The engine has put values where the document has references. Keys that are not known are left alone, as Kubeflow's
backend does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Raw = dict[str, Any]
Platform = Mapping[str, Any]


@dataclass
class Extras:
    """Parts of a pod that come from the platform configuration.

    Attributes:
        env: of the main container.
        mounts: the mounts of the main container.
        volumes: the volumes of the pod.
        spec: fields of the pod's spec.
        container: fields of the main container.
        labels: the labels of the pod.
        annotations: the annotations of the pod.
    """

    env: list[Raw] = field(default_factory=list)
    mounts: list[Raw] = field(default_factory=list)
    volumes: list[Raw] = field(default_factory=list)
    spec: Raw = field(default_factory=dict)
    container: Raw = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


def extras_of(platform: Platform) -> Extras:
    """Return all parts of a pod that a platform configuration asks for."""
    made = Extras()
    metadata = platform.get("podMetadata") or {}
    made.labels = {str(key): str(value) for key, value in (metadata.get("labels") or {}).items()}
    made.annotations = {str(key): str(value) for key, value in (metadata.get("annotations") or {}).items()}
    _add_env(made, platform)
    _add_volumes(made, platform)
    _add_claims(made, platform)
    _add_placement(made, platform)
    if policy := platform.get("imagePullPolicy"):
        made.container["imagePullPolicy"] = policy
    secrets = [_named(each, "secretName") for each in platform.get("imagePullSecret") or ()]
    if secrets:
        made.spec["imagePullSecrets"] = [{"name": name} for name in secrets]
    if context := platform.get("securityContext"):
        made.container["securityContext"] = {key: _whole(value) for key, value in context.items()}
    return made


def deadline_seconds(platform: Platform) -> int | None:
    """After how long the task shall be ended, as `kubernetes.set_timeout` says it."""
    seconds = platform.get("activeDeadlineSeconds")
    return int(seconds) if seconds else None


def _add_env(made: Extras, platform: Platform) -> None:
    for each in platform.get("secretAsEnv") or ():
        for pair in each.get("keyToEnv") or ():
            reference = {"name": _named(each, "secretName"), "key": pair["secretKey"], **_optional(each)}
            made.env.append({"name": pair["envVar"], "valueFrom": {"secretKeyRef": reference}})
    for each in platform.get("configMapAsEnv") or ():
        for pair in each.get("keyToEnv") or ():
            reference = {"name": _named(each, "configMapName"), "key": pair["configMapKey"], **_optional(each)}
            made.env.append({"name": pair["envVar"], "valueFrom": {"configMapKeyRef": reference}})
    for each in platform.get("fieldPathAsEnv") or ():
        made.env.append({"name": each["name"], "valueFrom": {"fieldRef": {"fieldPath": each["fieldPath"]}}})


def _add_volumes(made: Extras, platform: Platform) -> None:
    for number, each in enumerate(platform.get("secretAsVolume") or ()):
        source = {"secretName": _named(each, "secretName"), **_optional(each)}
        _mount(made, f"secret-{number}", {"secret": source}, each["mountPath"])
    for number, each in enumerate(platform.get("configMapAsVolume") or ()):
        source = {"name": _named(each, "configMapName"), **_optional(each)}
        _mount(made, f"config-map-{number}", {"configMap": source}, each["mountPath"])
    for each in platform.get("emptyDirMounts") or ():
        source = {key: each[key] for key in ("medium", "sizeLimit") if each.get(key)}
        _mount(made, each["volumeName"], {"emptyDir": source}, each["mountPath"])
    if shared := platform.get("enabledSharedMemory"):
        source = {"medium": "Memory", **({"sizeLimit": shared["size"]} if shared.get("size") else {})}
        _mount(made, shared.get("volumeName") or "shm", {"emptyDir": source}, "/dev/shm")  # noqa: S108 - a mount
    for each in platform.get("genericEphemeralVolume") or ():
        spec: Raw = {
            "accessModes": list(each.get("accessModes") or ["ReadWriteOnce"]),
            "resources": {"requests": {"storage": each["size"]}},
        }
        if not each.get("defaultStorageClass") and each.get("storageClassName"):
            spec["storageClassName"] = each["storageClassName"]
        template = {"metadata": dict(each.get("metadata") or {}), "spec": spec}
        _mount(made, each["volumeName"], {"ephemeral": {"volumeClaimTemplate": template}}, each["mountPath"])


def _add_claims(made: Extras, platform: Platform) -> None:
    """Add the claims as volumes; one that is mounted twice is one volume."""
    volumes: dict[str, str] = {}
    for each in platform.get("pvcMount") or ():
        claim = str(each["pvcNameParameter"])
        if claim not in volumes:
            volumes[claim] = f"claim-{len(volumes)}"
            made.volumes.append({"name": volumes[claim], "persistentVolumeClaim": {"claimName": claim}})
        mount = {"name": volumes[claim], "mountPath": each["mountPath"]}
        made.mounts.append(mount | ({"subPath": each["subPath"]} if each.get("subPath") else {}))


def _add_placement(made: Extras, platform: Platform) -> None:
    selector = platform.get("nodeSelector") or {}
    labels = {**(selector.get("labels") or {}), **(selector.get("nodeSelectorJson") or {})}
    if labels:
        made.spec["nodeSelector"] = {str(key): str(value) for key, value in labels.items()}
    tolerations: list[Raw] = []
    for each in platform.get("tolerations") or ():
        several = each.get("tolerationJson")
        given = several if isinstance(several, list) else [several if isinstance(several, dict) else each]
        tolerations += [_toleration(one) for one in given if one]
    if tolerations:
        made.spec["tolerations"] = tolerations
    affinity = {
        **_node_affinity(platform.get("nodeAffinity") or ()),
        **_pod_affinity(platform.get("podAffinity") or ()),
    }
    if affinity:
        made.spec["affinity"] = affinity


def _toleration(each: Platform) -> Raw:
    known = ("key", "operator", "value", "effect")
    made: Raw = {key: each[key] for key in known if each.get(key)}
    if each.get("tolerationSeconds") is not None:
        made["tolerationSeconds"] = int(each["tolerationSeconds"])
    return made


def _node_affinity(terms: Sequence[Platform]) -> Raw:
    made: Raw = {}
    required, preferred = [], []
    for term in terms:
        if isinstance(whole := term.get("nodeAffinityJson"), Mapping):
            made |= whole
            continue
        selector = {key: list(term[key]) for key in ("matchExpressions", "matchFields") if term.get(key)}
        if term.get("weight"):
            preferred.append({"weight": int(term["weight"]), "preference": selector})
        else:
            required.append(selector)
    if required:
        made["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": required}
    if preferred:
        made["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    return {"nodeAffinity": made} if made else {}


def _pod_affinity(terms: Sequence[Platform]) -> Raw:
    made: Raw = {}
    for term in terms:
        selector: Raw = {}
        if term.get("matchPodExpressions"):
            selector["matchExpressions"] = list(term["matchPodExpressions"])
        if term.get("matchPodLabels"):
            selector["matchLabels"] = dict(term["matchPodLabels"])
        body: Raw = {"topologyKey": term.get("topologyKey", ""), "labelSelector": selector}
        if term.get("namespaces"):
            body["namespaces"] = list(term["namespaces"])
        namespaces: Raw = {}
        if term.get("matchNamespaceExpressions"):
            namespaces["matchExpressions"] = list(term["matchNamespaceExpressions"])
        if term.get("matchNamespaceLabels"):
            namespaces["matchLabels"] = dict(term["matchNamespaceLabels"])
        if namespaces:
            body["namespaceSelector"] = namespaces
        kind = made.setdefault("podAntiAffinity" if term.get("anti") else "podAffinity", {})
        if term.get("weight"):
            entry = {"weight": int(term["weight"]), "podAffinityTerm": body}
            kind.setdefault("preferredDuringSchedulingIgnoredDuringExecution", []).append(entry)
        else:
            kind.setdefault("requiredDuringSchedulingIgnoredDuringExecution", []).append(body)
    return made


def _mount(made: Extras, name: str, source: Raw, path: str) -> None:
    made.volumes.append({"name": name, **source})
    made.mounts.append({"name": name, "mountPath": path})


def _named(each: Platform, key: str) -> str:
    """Return a name, written down or resolved from a parameter."""
    return str(each.get(f"{key}Parameter") or each.get(key) or "")


def _optional(each: Platform) -> Raw:
    return {"optional": True} if each.get("optional") else {}


def _whole(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a whole number, which protocol buffers may write as a text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value
