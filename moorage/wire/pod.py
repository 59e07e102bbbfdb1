"""Pods and namespaces, in: what the labels say, and what the volumes ask for.

Whoever may make pods decides how many labels and volumes there are, so each is looked at once, and the first that can't
be used ends the reading.
"""

import re
from collections.abc import Mapping

from moorage.access import Access
from moorage.errors import InputError, LabelError
from moorage.model import (
    CSI_DRIVER,
    MOST_DATASETS,
    PURPOSE_LABEL,
    PURPOSES_ANNOTATION,
    DatasetRef,
    DatasetUse,
    OnlyComponent,
    Pod,
    Usage,
    UseAs,
)
from moorage.reading.fields import DNS_LABEL, Raw, mappings, object_fields
from moorage.wire.components import only_component

_KEYS = ("id", "useas", "namespace", "release", "accepts", "access")
_PREFIX = "dataset."
_LABEL = re.compile(r"dataset\.([^./]*)\.([^/]*)")
_INDICES = {str(index): index for index in range(MOST_DATASETS)}


def looks_like_dataset_label(key: str) -> bool:
    """Return whether a label key is meant for us: `dataset.<number>.<anything>`, or a known key at a bad index.

    `dataset.example.com/x` and `dataset.version` belong to others.
    """
    match = _LABEL.fullmatch(key)
    return match is not None and (match[1].isdigit() or match[2] in _KEYS)


def read_usage(labels: Mapping[str, str], namespace: str, subject: str) -> Usage:
    """Read a pod's dataset labels.

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
        groups.setdefault(index, {})[field] = _label(labels, key, subject)
    uses: dict[DatasetRef, DatasetUse] = {}
    for index, group in sorted(groups.items()):
        use = _read_use(index, group, namespace, subject)
        other = uses.setdefault(use.ref, use)
        if other is not use:
            raise LabelError(
                subject,
                f"metadata.labels[dataset.{use.index}.id]",
                f"dataset {use.ref} is named at index {other.index} already: name each dataset once, "
                "with its uses joined by dots, such as mount.configmap",
            )
    return Usage(tuple(uses.values()), _label(labels, PURPOSE_LABEL, subject) or None)


def _split(key: str, subject: str) -> tuple[int, str]:
    match = _LABEL.fullmatch(key)
    if match is None or match[1] not in _INDICES:
        raise LabelError(
            subject,
            f"metadata.labels[{key}]",
            f"the index must be a number from 0 to {MOST_DATASETS - 1}, such as dataset.0.id: a pod names at most "
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
    use_as = _read_use_as(group["useas"], fail("useas", "")) if "useas" in group else frozenset()
    access = _read_access(group["access"], use_as, fail("access", "")) if "access" in group else Access.READ_ONLY
    return DatasetUse(
        index=index,
        ref=DatasetRef(name("namespace") or namespace, name("id") or ""),
        use_as=use_as,
        release=name("release"),
        accepts=releases,
        access=access,
    )


def _read_use_as(value: str, error: LabelError) -> frozenset[UseAs]:
    words = value.split(".")
    options = [option.value for option in UseAs]
    for word in words:
        if word not in options:
            raise LabelError(
                error.subject, error.field, f"{word!r} is not one of {', '.join(options)}, joined by dots where several"
            )
    if UseAs.MEMORY.value in words and len(set(words)) > 1:
        raise LabelError(
            error.subject,
            error.field,
            "memory stands alone, because no dataset is in the memory of nodes and elsewhere too: name another dataset "
            "for the other use",
        )
    if {UseAs.CONFIGMAP.value, UseAs.GATEWAY.value} <= set(words):
        raise LabelError(
            error.subject,
            error.field,
            "configmap and gateway give the same variables: write gateway to read through the pod's own mount, or "
            "configmap to speak to the store itself",
        )
    return frozenset(UseAs(word) for word in words)


def _read_access(value: str, use_as: frozenset[UseAs], error: LabelError) -> Access:
    options = [option.value for option in Access]
    if value not in options:
        raise LabelError(error.subject, error.field, f"{value!r} is not one of {', '.join(options)}")
    access = Access(value)
    if access is Access.READ_WRITE and (use_as.isdisjoint({UseAs.MOUNT, UseAs.MEMORY}) or UseAs.CACHE in use_as):
        raise LabelError(
            error.subject,
            error.field,
            "readWrite needs a mount, and no cache, which is a copy of one version: write useas: mount beside it "
            "(useas: memory, where the dataset is the memory of nodes)",
        )
    return access


def read_pod(raw: Raw) -> Pod:
    """Read the pod as far as we ask.

    Raises:
        LabelError: its dataset labels can't be read.
        InputError: it has no name, or volumes of our driver that no pod may have.
    """
    subject, name, metadata = object_fields(raw, "Pod")
    namespace = _text(metadata, "namespace", subject, "metadata") or "default"
    spec, status = _mapping(raw, "spec", subject), _mapping(raw, "status", subject)
    volumes = _read_volumes(spec, namespace, subject)
    usage = read_usage(_mapping(metadata, "labels", subject, "metadata"), namespace, subject)
    started = _has_started(status, subject)
    return Pod(
        namespace=namespace,
        name=name,
        uid=_text(metadata, "uid", subject, "metadata"),
        service_account=_text(spec, "serviceAccountName", subject, "spec") or "default",
        usage=usage,
        node_name=_text(spec, "nodeName", subject, "spec") or None,
        scheduler_name=_text(spec, "schedulerName", subject, "spec") or "default-scheduler",
        started=started,
        finished=_text(status, "phase", subject, "status") in {"Succeeded", "Failed"},
        deleting="deletionTimestamp" in metadata,
        mounts=tuple(dict.fromkeys(volumes.values())),
        published=_read_published(spec, status, volumes, subject) if volumes and started else (),
        component=only_component(spec) if any(use.release for use in usage.uses) else None,
    )


def _label(labels: Mapping[str, str], key: str, subject: str) -> str:
    value: object = labels.get(key, "")
    if not isinstance(value, str):
        raise LabelError(subject, f"metadata.labels[{key}]", f"must be a string, not of type {type(value).__name__}")
    return value


def _text(raw: Raw, key: str, subject: str, at: str) -> str:
    value = raw.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(subject, f"{at}.{key}", f"must be a string, not of type {type(value).__name__}")
    return value


def _mapping(raw: Raw, key: str, subject: str, at: str = "") -> Raw:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(subject, f"{at}.{key}".lstrip("."), "must be a mapping")
    return value


def _has_started(status: Raw, subject: str) -> bool:
    """Return whether the sandbox stands, which comes after all volumes; of old kubelets, decide by the phase."""
    for condition in mappings(status, "conditions", subject, "status"):
        if condition.get("type") == "PodReadyToStartContainers":
            return bool(condition.get("status") == "True")
    return bool(status.get("phase") == "Running")


def _read_volumes(spec: Raw, namespace: str, subject: str) -> dict[str, DatasetRef]:
    """Read the dataset that each volume of our driver names, by the volume's name."""
    refs: dict[str, DatasetRef] = {}
    distinct: set[DatasetRef] = set()
    for volume in mappings(spec, "volumes", subject, "spec"):
        csi = _mapping(volume, "csi", subject, "spec.volumes[]")
        if csi.get("driver") != CSI_DRIVER:
            continue
        attributes = _mapping(csi, "volumeAttributes", subject, "spec.volumes[].csi")
        if not attributes.get("dataset"):
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


def _read_published(spec: Raw, status: Raw, volumes: Mapping[str, DatasetRef], subject: str) -> tuple[DatasetRef, ...]:
    """Return the datasets mounted in a started pod. The kubelet leaves out a volume that no container mounts.

    A container that was added to the running pod waits for its volumes by itself.
    """
    told = mappings(status, "ephemeralContainerStatuses", subject, "status")
    running = {
        _text(each, "name", subject, "status.ephemeralContainerStatuses[]")
        for each in told
        if "running" in _mapping(each, "state", subject, "status.ephemeralContainerStatuses[]")
    }
    containers: list[Raw] = []
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        found = mappings(spec, kind, subject, "spec")
        at = f"spec.{kind}[]"
        late = kind == "ephemeralContainers"
        containers += [each for each in found if not late or _text(each, "name", subject, at) in running]
    mounted = {
        _text(mount, "name", subject, "spec.containers[].volumeMounts[]")
        for container in containers
        for mount in mappings(container, "volumeMounts", subject, "spec.containers[]")
    }
    return tuple(dict.fromkeys(ref for name, ref in volumes.items() if name in mounted))


def read_only_component(raw: Raw) -> OnlyComponent | None:
    """Read a pod's only container, as a release declares it; see `components`.

    Raises:
        InputError: its containers can't be read.
    """
    return only_component(_mapping(raw, "spec", "Pod"))


def read_namespace_purposes(raw: Raw) -> frozenset[str] | None:
    """Read the purposes that a namespace lists (comma-separated annotation); None where it does not limit them.

    Raises:
        InputError: it is not a Namespace.
    """
    _, _, metadata = object_fields(raw, "Namespace")
    subject = f"Namespace {metadata['name']}"
    annotations = _mapping(metadata, "annotations", subject, "metadata")
    if annotations.get(PURPOSES_ANNOTATION) is None:
        return None
    listed = _text(annotations, PURPOSES_ANNOTATION, subject, "metadata.annotations")
    return frozenset(word.strip() for word in listed.split(",") if word.strip())
