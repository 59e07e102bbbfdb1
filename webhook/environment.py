"""`configmap`: where a dataset's store is and its keys, as environment variables of every container. Pure.

The keys stay in the steward's Secret: a variable refers to it, so rotated keys arrive with the next pod, no object is
made whose name could collide, and nothing secret is in the pod's spec. That needs the Secret to be in the pod's own
namespace, and whoever may make pods there could refer to it anyway; so a governed dataset is never handed out so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from moorage.errors import InputError
from moorage.model import Dataset
from moorage.sources import KINDS
from webhook import gateway, sidecar

Raw = dict[str, Any]
_SNAPSHOT_KEYS: Final = ("metadata", "snapshot")


def may_be_handed_out(dataset: Dataset, namespace: str) -> bool:
    """Return whether a pod of the namespace may know the dataset's location and refer to its keys."""
    return dataset.ref.namespace == namespace and not dataset.governance.is_governed


def variables(
    dataset: Dataset, namespace: str, subject: str, field: str, unproven: str = ""
) -> tuple[list[Raw], str | None]:
    """Return the variables of a dataset, all prefixed `<id>_` as Datashim's are, and a warning or None.

    Args:
        dataset: with the places that its claims lead to.
        namespace: the pod's.
        subject: the pod, for messages.
        field: the label, for messages.
        unproven: why a claim of the dataset leads nowhere; "" where all lead somewhere.

    Raises:
        InputError: this dataset can't be used so, with the remedy.
    """
    ref = dataset.ref
    if ref.namespace != namespace:
        raise InputError(subject, field, f"dataset {ref} is in another namespace, whose keys never leave it: use mount")
    if dataset.governance.is_governed:
        raise InputError(
            subject,
            field,
            f"dataset {ref} is governed, and configmap would hand its keys to the pod, past every rule: use mount",
        )
    if unproven:
        raise InputError(subject, field, f"where dataset {ref} is can't be told yet: {unproven}")
    stores = [source for source in dataset.sources if source.location.abilities.handed_out]
    if not stores:
        kinds = ", ".join(sorted({source.kind for source in dataset.sources}))
        *others, last = (kind for kind, each in KINDS.items() if each.abilities.handed_out)
        served = f"{', '.join(others)} or {last}"
        raise InputError(subject, field, f"dataset {ref} has no {served} source (only {kinds}): use mount")
    store = stores[0].location.hand_out()
    if isinstance(store, str):
        raise InputError(
            subject,
            field,
            f"dataset {ref} has {store}, which can't be handed to a pod: put keys into a Secret, name it in "
            f"spec.sources[].{stores[0].kind}.secretRef (spec.local.secret-name), or use mount",
        )
    values = {**store.values, **_snapshot_values(dataset)}
    # What a catalogue or a steward says must not name another variable, which may hold a key: the kubelet expands it.
    found: list[Raw] = [
        {"name": f"{ref.name}_{key}", "value": value.replace("$", "$$")} for key, value in values.items()
    ]
    found += [
        {"name": f"{ref.name}_{name}", "valueFrom": {"secretKeyRef": {"name": store.secret_name, "key": key}}}
        for name, key in store.secret_keys.items()
    ]
    warning = None
    if len(stores) > 1:
        warning = (
            f"dataset {ref}: configmap names its first source (site {stores[0].site}), wherever the pod runs; "
            "mount reads the nearest"
        )
    return found, warning


def _snapshot_values(dataset: Dataset) -> dict[str, str]:
    """Return the table snapshot that a reader opens, fixed when the pod is made."""
    snapshot = dataset.status.snapshot
    if snapshot is None:
        return {}
    told = (snapshot.metadata, None if snapshot.id is None else str(snapshot.id))
    return {key: value for key, value in zip(_SNAPSHOT_KEYS, told, strict=True) if value is not None}


def add_variables(spec: Raw, wanted: Sequence[Raw], subject: str) -> Raw:
    """Return the pod's spec with the variables in front of every container's own, which may so refer to them.

    Raises:
        InputError: a container has a variable of that name already, with another value.
    """
    added = {**spec}
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            added[kind] = [
                container
                if container.get("name") in {sidecar.NAME, gateway.NAME}
                else _add(container, wanted, kind, subject)
                for container in spec[kind]
            ]
    return added


def _add(container: Raw, wanted: Sequence[Raw], kind: str, subject: str) -> Raw:
    present: Mapping[str, Raw] = {str(entry.get("name")): entry for entry in container.get("env") or ()}
    for entry in wanted:
        there = present.get(entry["name"])
        if there is not None and not _same(there, entry) and not _names_a_snapshot(entry):
            raise InputError(
                subject,
                f"spec.{kind}[{container.get('name')}].env[{entry['name']}]",
                f"is set already, and dataset {entry['name'].rpartition('_')[0]} needs this name: give it another name",
            )
    missing = [entry for entry in wanted if entry["name"] not in present]
    return {**container, "env": [*missing, *(container.get("env") or ())]} if missing else container


def _names_a_snapshot(entry: Raw) -> bool:
    """Return whether an entry names a snapshot, which the pod keeps: the table may have a new one since."""
    return entry["name"].rpartition("_")[2] in _SNAPSHOT_KEYS


def _same(there: Raw, wanted: Raw) -> bool:
    """Return whether both agree in what we wrote; the API server may have filled in the rest."""
    if "value" in wanted:
        return bool(there.get("value") == wanted["value"])
    reference = (there.get("valueFrom") or {}).get("secretKeyRef") or {}
    ours = wanted["valueFrom"]["secretKeyRef"]
    return bool({"name": reference.get("name"), "key": reference.get("key")} == ours)
