"""Pods and namespaces, in: what the labels say, and what the volumes ask for.

Whoever may make pods decides how many labels and volumes there are, so each is looked at once, and the first that can't
be used ends the reading.
"""

import re
from collections.abc import Mapping

from moorage.errors import InputError, LabelError
from moorage.model import (
    CSI_DRIVER,
    MOST_DATASETS,
    PURPOSE_LABEL,
    PURPOSES_ANNOTATION,
    DatasetRef,
    DatasetUse,
    Pod,
    Usage,
    UseAs,
)
from moorage.reading.fields import DNS_LABEL, Raw, object_fields

_KEYS = ("id", "useas", "namespace", "release", "accepts")
_PREFIX = "dataset."
_LABEL = re.compile(r"dataset\.([^./]*)\.([^/]*)")
_INDICES = {str(index): index for index in range(MOST_DATASETS)}


def looks_like_dataset_label(key: str) -> bool:
    """Whether a label key is meant for us: `dataset.<number>.<anything>`, or a known key at a bad index.

    `dataset.example.com/x` and `dataset.version` belong to others.
    """
    match = _LABEL.fullmatch(key)
    return match is not None and (match[1].isdigit() or match[2] in _KEYS)


def read_usage(labels: Mapping[str, str], namespace: str, subject: str) -> Usage:
    """What a pod's labels say.

    Args:
        labels: all labels of the pod.
        namespace: the pod's, which a dataset without `dataset.N.namespace` is in.
        subject: the pod, for errors.

    Raises:
        LabelError: naming the label and the remedy.
    """
    groups: dict[int, dict[str, str]] = {}
    for key in sorted(key for key in labels if key.startswith(_PREFIX)):
        if not looks_like_dataset_label(key):
            continue
        index, field = _split(key, subject)
        groups.setdefault(index, {})[field] = labels[key]
    uses: dict[DatasetRef, DatasetUse] = {}
    for index, group in sorted(groups.items()):
        use = _read_use(index, group, namespace, subject)
        other = uses.setdefault(use.ref, use)
        if other is not use:
            raise LabelError(
                subject,
                f"metadata.labels[dataset.{use.index}.id]",
                f"dataset {use.ref} stands at index {other.index} already: name each dataset once, "
                "with its uses joined by dots, as mount.configmap",
            )
    return Usage(tuple(uses.values()), labels.get(PURPOSE_LABEL) or None)


def _split(key: str, subject: str) -> tuple[int, str]:
    match = _LABEL.fullmatch(key)
    if match is None or match[1] not in _INDICES:
        raise LabelError(
            subject,
            f"metadata.labels[{key}]",
            f"the index must be a number from 0 to {MOST_DATASETS - 1}, as dataset.0.id: a pod names at most "
            f"{MOST_DATASETS} datasets",
        )
    if match[2] not in _KEYS:
        raise LabelError(
            subject,
            f"metadata.labels[{key}]",
            f"{match[2]!r} is not known here; known are {', '.join(_KEYS)}",
        )
    return _INDICES[match[1]], match[2]


def _read_use(index: int, group: Mapping[str, str], namespace: str, subject: str) -> DatasetUse:
    def fail(field: str, problem: str) -> LabelError:
        return LabelError(subject, f"metadata.labels[dataset.{index}.{field}]", problem)

    def name(field: str) -> str | None:
        value = group.get(field)
        if value is None:
            return None
        if not DNS_LABEL.fullmatch(value):
            raise fail(field, f"{value!r} must be lower-case letters, digits and '-', at most 63 of them")
        return value

    if not group.get("id"):
        raise fail("id", f"is required beside dataset.{index}.{min(group)}: the name of a Dataset")
    accepts = group.get("accepts")
    releases = frozenset(accepts.split(".")) if accepts is not None else frozenset()
    for release in releases:
        if not DNS_LABEL.fullmatch(release):
            raise fail("accepts", f"{accepts!r} must be names of releases joined by dots")
    return DatasetUse(
        index=index,
        ref=DatasetRef(name("namespace") or namespace, name("id") or ""),
        use_as=_read_use_as(group["useas"], fail("useas", "")) if "useas" in group else frozenset(),
        release=name("release"),
        accepts=releases,
    )


def _read_use_as(value: str, error: LabelError) -> frozenset[UseAs]:
    words = value.split(".")
    options = [option.value for option in UseAs]
    for word in words:
        if word not in options:
            raise LabelError(
                error.subject, error.field, f"{word!r} is not one of {', '.join(options)}, joined by dots where several"
            )
    return frozenset(UseAs(word) for word in words)


def read_pod(raw: Raw) -> Pod:
    """The pod as far as we ask.

    Raises:
        LabelError: its dataset labels can't be read.
        InputError: it has no name, or volumes of our driver that no pod may have.
    """
    subject, name, metadata = object_fields(raw, "Pod")
    namespace = str(metadata.get("namespace") or "default")
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    volumes = _read_volumes(spec, namespace, subject)
    return Pod(
        namespace=namespace,
        name=name,
        uid=str(metadata.get("uid") or ""),
        service_account=str(spec.get("serviceAccountName") or "default"),
        usage=read_usage(metadata.get("labels") or {}, namespace, subject),
        node_name=spec.get("nodeName") or None,
        scheduler_name=str(spec.get("schedulerName") or "default-scheduler"),
        started=_has_started(status),
        finished=status.get("phase") in {"Succeeded", "Failed"},
        deleting="deletionTimestamp" in metadata,
        mounts=tuple(dict.fromkeys(volumes.values())),
        published=_read_published(spec, status, volumes) if volumes else (),
    )


def _has_started(status: Raw) -> bool:
    """Whether the sandbox stands, which the kubelet makes once all volumes are there; of old kubelets, the phase."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodReadyToStartContainers":
            return bool(condition.get("status") == "True")
    return bool(status.get("phase") == "Running")


def _read_volumes(spec: Raw, namespace: str, subject: str) -> dict[str, DatasetRef]:
    """The dataset that each volume of our driver names, by the volume's name."""
    refs: dict[str, DatasetRef] = {}
    distinct: set[DatasetRef] = set()
    for volume in spec.get("volumes") or ():
        csi = volume.get("csi") or {}
        attributes = csi.get("volumeAttributes") or {}
        if csi.get("driver") != CSI_DRIVER or not attributes.get("dataset"):
            continue
        names = (str(attributes.get("namespace") or namespace), str(attributes["dataset"]))
        if not all(DNS_LABEL.fullmatch(name) for name in names):
            raise InputError(
                subject,
                f"spec.volumes[{str(volume.get('name'))[:63]}].csi.volumeAttributes",
                "dataset and namespace must be names: lower-case letters, digits and '-', at most 63 of them",
            )
        ref = refs[str(volume.get("name") or "")] = DatasetRef(*names)
        distinct.add(ref)
        if len(distinct) > MOST_DATASETS:
            raise InputError(
                subject, "spec.volumes", f"name more than {MOST_DATASETS} datasets: mount the others in another pod"
            )
    return refs


def _read_published(spec: Raw, status: Raw, volumes: Mapping[str, DatasetRef]) -> tuple[DatasetRef, ...]:
    """What was mounted for the pod. The kubelet leaves out a volume that no container mounts.

    A container that was added to the running pod waits for its volumes by itself.
    """
    if not _has_started(status):
        return ()
    told = status.get("ephemeralContainerStatuses") or ()
    running = {each.get("name") for each in told if "running" in (each.get("state") or {})}
    late = [each for each in spec.get("ephemeralContainers") or () if each.get("name") in running]
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ()), *late]
    mounted = {mount.get("name") for container in containers for mount in container.get("volumeMounts") or ()}
    return tuple(dict.fromkeys(ref for name, ref in volumes.items() if name in mounted))


def read_namespace_purposes(raw: Raw) -> frozenset[str] | None:
    """The purposes that a namespace lists (comma-separated annotation); None where it does not limit them.

    Raises:
        InputError: it is not a Namespace.
    """
    _, _, metadata = object_fields(raw, "Namespace")
    listed = (metadata.get("annotations") or {}).get(PURPOSES_ANNOTATION)
    if listed is None:
        return None
    return frozenset(word.strip() for word in listed.split(",") if word.strip())
