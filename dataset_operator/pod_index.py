"""An index over the pod informer's cache: who holds each Dataset, who waits for it. Kept pod by pod.

A change of one pod costs what that pod names, however many others there are.
"""

from bisect import bisect_left, insort
from collections.abc import Collection
from typing import TypeVar

from dataset_operator.users import datasets_of, held_by, waits, written_by
from moorage.kube import Key
from moorage.model import DatasetRef, Pod

K = TypeVar("K")


class PodIndex:
    """An index of pods by Dataset, updated with each change."""

    def __init__(self) -> None:
        self._names: dict[DatasetRef, list[str]] = {}
        self._writers: dict[DatasetRef, set[Key]] = {}
        self._written: dict[Key, frozenset[DatasetRef]] = {}
        self._held: dict[Key, tuple[Pod, frozenset[DatasetRef]]] = {}
        self._waiting: dict[Key, Pod] = {}
        self._waiting_for: dict[DatasetRef, dict[Key, Pod]] = {}
        self._waiting_in: dict[str, dict[Key, Pod]] = {}

    def update(self, key: Key, pod: Pod | None) -> frozenset[DatasetRef]:
        """Take a pod as it now is, None where it is gone; gives those that it began or ceased to hold or write."""
        self._update_waiting(key, pod)
        _, before = self._held.pop(key, (None, frozenset[DatasetRef]()))
        after = frozenset[DatasetRef]() if pod is None else held_by(pod)
        if pod is not None and after:
            self._held[key] = pod, after
        for ref in before - after:
            names = self._names[ref]
            del names[bisect_left(names, _name(key))]
            if not names:
                del self._names[ref]
        for ref in after - before:
            insort(self._names.setdefault(ref, []), _name(key))
        return (before ^ after) | self._update_writers(key, pod)

    def _update_waiting(self, key: Key, pod: Pod | None) -> None:
        before = self._waiting.pop(key, None)
        if before is not None:
            for ref in datasets_of(before):
                _remove(self._waiting_for, ref, key)
            _remove(self._waiting_in, key[0], key)
        if pod is not None and waits(pod):
            self._waiting[key] = pod
            for ref in datasets_of(pod):
                self._waiting_for.setdefault(ref, {})[key] = pod
            self._waiting_in.setdefault(key[0], {})[key] = pod

    def _update_writers(self, key: Key, pod: Pod | None) -> frozenset[DatasetRef]:
        """Gives the Datasets that the pod may write to from now on, or no more."""
        before = self._written.pop(key, frozenset[DatasetRef]())
        after = frozenset[DatasetRef]() if pod is None else written_by(pod)
        if after:
            self._written[key] = after
        for ref in before - after:
            self._writers[ref].discard(key)
            if not self._writers[ref]:
                del self._writers[ref]
        for ref in after - before:
            self._writers.setdefault(ref, set()).add(key)
        return before ^ after

    # --- what is asked ---

    def writers(self, ref: DatasetRef) -> tuple[str, ...]:
        """Return the pods that may write to a Dataset now, `namespace/name`, sorted."""
        return tuple(sorted(_name(key) for key in self._writers.get(ref, ())))

    def users(self, ref: DatasetRef) -> tuple[str, ...]:
        """Return the pods that hold a Dataset, `namespace/name`, sorted."""
        return tuple(self._names.get(ref, ()))

    def holders(self, ref: DatasetRef) -> list[Key]:
        """Return the same pods by their keys."""
        return [(namespace, name) for namespace, _, name in (each.partition("/") for each in self._names.get(ref, ()))]

    def holder(self, key: Key, ref: DatasetRef) -> Pod | None:
        """Return the pod, if it holds the Dataset now."""
        pod, held = self._held.get(key, (None, frozenset[DatasetRef]()))
        return pod if ref in held else None

    def waiting_pod(self, key: Key) -> Pod | None:
        """Return the pod, if it waits now."""
        return self._waiting.get(key)

    def waiting(self, dataset: DatasetRef | None = None, namespace: str | None = None) -> Collection[Key]:
        """Return the pods that wait: for a Dataset, in a namespace, or all of them."""
        if dataset is not None:
            return list(self._waiting_for.get(dataset, ()))
        if namespace is not None:
            return list(self._waiting_in.get(namespace, ()))
        return list(self._waiting)


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def _remove(index: dict[K, dict[Key, Pod]], at: K, key: Key) -> None:
    bucket = index[at]
    del bucket[key]
    if not bucket:
        del index[at]
