"""The index of pods agrees with what a look at all of them would say, and costs no look at all of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dataset_operator import pod_index
from dataset_operator.pod_index import PodIndex
from dataset_operator.users import datasets_of, held_by, waits, written_by
from moorage.access import Access
from moorage.kube import Key
from moorage.model import DatasetRef, DatasetUse, Pod, Usage, UseAs
from tests.dataset_operator.test_users import CLAIMS, SCANS

NODES = (None, "n1")
WRITING = Usage((DatasetUse(0, CLAIMS, frozenset({UseAs.MOUNT}), access=Access.READ_WRITE),))


@st.composite
def pods(draw: st.DrawFn) -> Pod:
    """A pod of one of two namespaces, in some phase of its life."""
    mounts = tuple(draw(st.sets(st.sampled_from([CLAIMS, SCANS]), min_size=1)))
    return Pod(
        namespace=draw(st.sampled_from(["lab", "lab-2"])),
        name=draw(st.sampled_from(["a", "b", "c"])),
        uid="u",
        service_account="default",
        usage=draw(st.sampled_from([Usage(), WRITING])),
        node_name=draw(st.sampled_from(NODES)),
        started=draw(st.booleans()),
        deleting=draw(st.booleans()),
        mounts=mounts,
        published=draw(st.sampled_from([(), mounts])),
    )


@given(st.lists(st.tuples(pods(), st.booleans()), max_size=30))
def test_it_says_what_a_look_at_all_pods_would(changes: list[tuple[Pod, bool]]) -> None:
    """After every change, whatever came before."""
    index, present = PodIndex(), dict[Key, Pod]()
    for pod, gone in changes:
        key = (pod.namespace, pod.name)
        before = {ref: (index.users(ref), index.writers(ref)) for ref in (CLAIMS, SCANS)}
        present.pop(key, None)
        if not gone:
            present[key] = pod
        changed = index.update(key, None if gone else pod)
        for ref in (CLAIMS, SCANS):
            holders = {key for key, each in present.items() if ref in held_by(each)}
            assert index.users(ref) == tuple(sorted(f"{namespace}/{name}" for namespace, name in holders))
            assert set(index.holders(ref)) == holders
            assert all(index.holder(key, ref) == present[key] for key in holders)
            assert set(index.waiting(dataset=ref)) == {
                key for key, each in present.items() if waits(each) and ref in datasets_of(each)
            }
            writers = {key for key, each in present.items() if ref in written_by(each)}
            assert index.writers(ref) == tuple(sorted(f"{namespace}/{name}" for namespace, name in writers))
            assert ((index.users(ref), index.writers(ref)) != before[ref]) == (ref in changed)
        waiting = {key for key, each in present.items() if waits(each)}
        assert set(index.waiting()) == waiting
        assert set(index.waiting(namespace="lab")) == {key for key in waiting if key[0] == "lab"}


def test_a_pod_writes_until_it_has_ended() -> None:
    """Also while it is being deleted, and no longer: then what it wrote is listed."""
    base = Pod("lab", "p", "u", "default", WRITING, node_name="n1", started=True, mounts=(CLAIMS,), published=(CLAIMS,))
    assert written_by(base) == written_by(replace(base, deleting=True)) == {CLAIMS}
    for ended in (replace(base, finished=True), replace(base, published=()), replace(base, usage=Usage())):
        assert written_by(ended) == frozenset()


def test_a_change_of_one_pod_looks_at_no_other(monkeypatch: object) -> None:
    """Ten thousand pods of one Dataset do not make the next one dear."""
    index, looked_at = PodIndex(), []

    def held(pod: Pod) -> frozenset[DatasetRef]:
        looked_at.append(pod.name)
        return held_by(pod)

    base = Pod("lab", "", "u", "default", Usage(), node_name="n1", started=True, mounts=(SCANS,), published=(SCANS,))
    for number in range(10_000):
        index.update(("lab", f"p{number}"), replace(base, name=f"p{number}"))
    assert len(index.users(SCANS)) == 10_000
    monkeypatch.setattr(pod_index, "held_by", held)  # type: ignore[attr-defined]
    index.update(("lab", "p7"), None)
    index.update(("lab", "one-more"), replace(base, name="one-more"))
    assert looked_at == ["one-more"]
