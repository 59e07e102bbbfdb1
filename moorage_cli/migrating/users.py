"""What pods and workloads that use Datashim's Datasets would notice. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from moorage.access import Access
from moorage.errors import LabelError
from moorage.model import DatasetRef, DatasetUse, UseAs
from moorage.wire import read_usage
from moorage.wire.near_misses import near_misses
from moorage.wire.workloads import PodTemplate, pod_templates
from moorage_cli.migrating.conversion import Found

Raw = Mapping[str, Any]


def pods_of(raw: Raw) -> tuple[PodTemplate, ...]:
    """What pods are made of it; of a pod, itself."""
    if raw.get("kind") == "Pod":
        return (PodTemplate("", raw.get("metadata") or {}, raw.get("spec") or {}),)
    return pod_templates(str(raw.get("kind")), raw)


def told_of(
    raw: Raw, datasets: Mapping[DatasetRef, Found], existing: frozenset[DatasetRef], monitored: frozenset[str] | None
) -> list[str]:
    """What is different for the pods of one object, a sentence each; none where nothing is.

    Args:
        raw: a pod, or a workload.
        datasets: what Datashim's Datasets become.
        existing: the names of Moorage's Datasets that are there already.
        monitored: the Namespaces where Datashim changes pods; None: that is not known.
    """
    metadata = raw.get("metadata") or {}
    namespace, name = str(metadata.get("namespace") or "default"), str(metadata.get("name"))
    subject = f"{raw.get('kind')} {namespace}/{name}"
    told: list[str] = []
    for template in pods_of(raw):
        labels = template.metadata.get("labels") or {}
        try:
            uses = read_usage(labels, namespace, subject).uses
        except LabelError as error:
            told.append(f"{subject}: is refused here: {error.field}: {error.problem}")
            continue
        told += [f"{subject}: {each}" for each in near_misses(labels, template.metadata.get("annotations") or {})]
        told += [f"{subject}: {each}" for use in uses for each in _of_use(use, datasets, existing)]
        told += [f"{subject}: {each}" for each in _of_volumes(template.spec, namespace, datasets)]
        if raw.get("kind") != "Pod":  # what a pod refers to, Datashim may have added
            told += [f"{subject}: {each}" for each in _of_variables(template.spec, namespace, datasets)]
        if uses and monitored is not None and namespace not in monitored:
            told.append(
                f"{subject}: gets nothing from Datashim, whose label is not on Namespace {namespace}, and is served "
                "here"
            )
    return list(dict.fromkeys(told))


def _of_use(use: DatasetUse, datasets: Mapping[DatasetRef, Found], existing: frozenset[DatasetRef]) -> Iterator[str]:
    found = datasets.get(use.ref)
    if found is None:
        if use.ref not in existing:
            yield f"names dataset {use.ref}, which is not there, or can't be used: it is refused until it can"
        return
    location = found.dataset.sources[0].location
    if UseAs.MOUNT in use.use_as:
        if not (location.served or location.abilities.looked_up):
            yield f"mounts dataset {use.ref}: a source of kind {location.label} is not served here"
        elif found.dataset.access is Access.READ_WRITE:
            if use.access is not Access.READ_WRITE:
                yield f"only reads dataset {use.ref} here: if it writes, label it dataset.{use.index}.access: readWrite"
        elif found.written_there:
            yield f"can write to dataset {use.ref} there and only reads here, unless the Dataset says access: readWrite"
    if UseAs.CONFIGMAP in use.use_as and isinstance(missing := location.hand_out(), str):
        yield f"asks for the variables of dataset {use.ref}: {missing} has none here"


def _of_volumes(spec: Raw, namespace: str, datasets: Mapping[DatasetRef, Found]) -> Iterator[str]:
    """Claims of Datasets are served as labels are, where the Dataset has one."""
    for volume in _mappings(spec.get("volumes")):
        claim = volume.get("persistentVolumeClaim")
        ref = DatasetRef(namespace, str(claim.get("claimName"))) if isinstance(claim, Mapping) else None
        found = None if ref is None else datasets.get(ref)
        if found is None or not isinstance(claim, Mapping):
            continue
        if not found.dataset.claim:
            yield f"mounts claim {ref}, which the Dataset does not keep here: set spec.claim: true in it"
        elif found.written_there and found.dataset.access is not Access.READ_WRITE and not claim.get("readOnly"):
            yield f"can write to claim {ref} there and only reads here, unless the Dataset says access: readWrite"


def _of_variables(spec: Raw, namespace: str, datasets: Mapping[DatasetRef, Found]) -> Iterator[str]:
    """Datashim has a ConfigMap of a Dataset's name, which goes with it."""
    containers = [*_mappings(spec.get("initContainers")), *_mappings(spec.get("containers"))]
    for container in containers:
        named = [_name(each.get("configMapRef")) for each in _mappings(container.get("envFrom"))]
        for variable in _mappings(container.get("env")):
            source = variable.get("valueFrom")
            named.append(_name(source.get("configMapKeyRef") if isinstance(source, Mapping) else None))
        for name in dict.fromkeys(named):
            if name and DatasetRef(namespace, name) in datasets:
                yield (
                    f"reads Datashim's ConfigMap {name}, which goes with its Dataset: the label dataset.N.useas: "
                    "configmap gives the variables"
                )


def _name(reference: object) -> str:
    return str(reference.get("name") or "") if isinstance(reference, Mapping) else ""


def _mappings(value: object) -> list[Raw]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
