"""Sites and datasets, as Kubernetes objects in files: read strictly, in any order."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.model import Classification, DatasetRef, Link
from moorage.sites import ResolvedLink
from pipeline_splitter.documents import parse
from pipeline_splitter.inputs import read_datasets, read_purposes, read_sites
from tests.pipeline_splitter.documents.mutations import mutants

SITES = """
apiVersion: moorage.dev/v1alpha1
kind: Site
metadata: {name: eu-1, uid: 1-2, creationTimestamp: 2026-01-01T00:00:00Z, labels: {a: b}}
spec:
  jurisdiction: DE
  clearance: confidential
  confidentialCompute: true
  speed: "1.5"
  cpuHourPrice: "0.049"
  carbonGramsPerKWh: 340
  cpuWatts: 11.5
  slots: 64
  quotaCpuHours: "500"
  resources: {cpu: "64", memory: 256Gi, nvidia.com/gpu: "4"}
  links: [{to: us-1, bytesPerSecond: "125M", latencySeconds: "0.09", pricePerGB: 0.09}]
  defaultLink: {pricePerGB: "0.05"}
  nodeSelector: {node-restriction.kubernetes.io/moorage-site: eu-1}
  artifactStore: {s3: {endpoint: "https://s3", bucket: b, prefix: p, secretRef: {name: s}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: steward}
---
apiVersion: moorage.dev/v1alpha1
kind: Site
metadata: {name: us-1}
"""

NAMESPACES = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: lab, annotations: {moorage.dev/purposes: "care, research"}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shut, annotations: {moorage.dev/purposes: ""}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: free, annotations: {other: x}}}
"""

DATASETS = """
apiVersion: v1
kind: List
items:
- apiVersion: moorage.dev/v1alpha1
  kind: Dataset
  metadata: {namespace: steward, name: claims, generation: 3}
  spec:
    sources:
    - {site: eu-1, s3: {endpoint: "https://s3", bucket: claims}}
    - {site: us-1, s3: {endpoint: "https://s3", bucket: claims}}
    governance:
      classification: restricted
      residency: [EU]
      sites: {deny: [us-2]}
      purposes: [research]
      consumers: [fraud]
      releases:
      - name: pseudonymise
        component: {image: "img:1", command: [run]}
        yields: {classification: internal}
        seconds: "30"
        outputRatio: 0.5
  status:
    conditions: [{type: Ready, status: "True", reason: Listed}]
    bytes: 12345678901
    observedGeneration: 3
    sources: [{site: us-1, reachable: true, reason: Diverged, bytes: 7, message: differs}]
- apiVersion: moorage.dev/v1alpha1
  kind: Dataset
  metadata: {name: weather}
  spec: {local: {type: NFS, server: s, share: /x}}
"""


def objects(text: str) -> list[Any]:
    """The documents of a text, Lists opened."""
    documents: list[Any] = []
    for document in parse(text, "f.yaml"):
        documents += document["items"] if document["kind"] == "List" else [document]
    return documents


def test_a_site_is_read_whole() -> None:
    """Numbers may be strings or numbers; what an API server adds is passed over."""
    inventory = read_sites(parse(SITES, "sites.yaml"), "sites.yaml")
    assert list(inventory.sites) == ["eu-1", "us-1"]
    site = inventory.sites["eu-1"]
    assert (site.jurisdiction, site.clearance, site.confidential_compute) == ("DE", Classification.CONFIDENTIAL, True)
    assert (site.speed, site.cpu_hour_price, site.carbon_grams_per_kwh, site.cpu_watts) == (1.5, 0.049, 340, 11.5)
    assert (site.slots, site.quota_cpu_hours) == (64, 500)
    assert site.resources == {"cpu": 64, "memory": 256 * 2**30, "nvidia.com/gpu": 4}
    assert site.links == {"us-1": Link(125e6, 0.09, 0.09)}
    assert inventory.link("eu-1", "ap-1") == ResolvedLink(125e6, 0.05, 0.05)
    assert inventory.link("us-1", "eu-1") == ResolvedLink(125e6, 0.05, 0.02)


def test_a_dataset_is_read_whole() -> None:
    """Its size and its diverged copies are in its status."""
    inventory = read_sites(parse(SITES, "sites.yaml"), "sites.yaml")
    datasets = read_datasets(parse(DATASETS, "datasets.yaml"), "datasets.yaml")
    assert list(datasets) == [DatasetRef("default", "weather"), DatasetRef("steward", "claims")]
    claims = datasets[DatasetRef("steward", "claims")]
    assert claims.status.size_bytes == 12345678901
    assert [source.site for source in inventory.sources(claims)] == ["eu-1"]
    assert claims.governance.classification is Classification.RESTRICTED
    [release] = claims.governance.releases
    assert (release.seconds, release.output_ratio, len(release.component.digest)) == (30, 0.5, 64)


@pytest.mark.parametrize(("written", "size"), [("12Gi", 12 * 2**30), ("1500m", 2), (7, 7), (7.5, 8), (None, None)])
def test_a_size_is_a_quantity_of_whole_bytes(written: object, size: int | None) -> None:
    """Rounded up."""
    document = objects(DATASETS)[0]
    document["status"]["bytes"] = written
    assert read_datasets([document], "f")[DatasetRef("steward", "claims")].status.size_bytes == size


def test_slots_may_be_a_string() -> None:
    """As every other number."""
    document = objects(SITES)[0]
    document["spec"]["slots"] = "8"
    assert read_sites([document], "f").sites["eu-1"].slots == 8


@given(st.permutations(range(3)), st.permutations(range(2)), st.booleans())
def test_order_and_packing_change_nothing(sites: list[int], datasets: list[int], pack: bool) -> None:  # noqa: FBT001 - drawn
    """Documents one by one, in a List, or in a list of their kind."""
    all_sites, all_datasets = objects(SITES), objects(DATASETS)
    moved = [all_sites[index] for index in sites]
    shuffled = [{"kind": "List", "items": moved}] if pack else moved
    assert list(read_sites(shuffled, "f").sites.items()) == list(read_sites(all_sites, "f").sites.items())
    moved = [all_datasets[index] for index in datasets]
    shuffled = [{"apiVersion": "moorage.dev/v1alpha1", "kind": "DatasetList", "items": moved}] if pack else moved
    assert list(read_datasets(shuffled, "f").items()) == list(read_datasets(all_datasets, "f").items())


def changed(text: str, change: Callable[[Any], object]) -> list[Any]:
    """The documents, the first object changed."""
    documents = copy.deepcopy(objects(text))
    change(documents[0])
    return documents


REFUSED_SITES: Mapping[str, tuple[Callable[[Any], object], str, str]] = {
    "another kind": (lambda raw: raw.update(kind="Dataset"), "document 1, kind", "must be a Site"),
    "no kind": (lambda raw: raw.pop("kind"), "document 1, kind", "must be a Site"),
    "a list as kind": (lambda raw: raw.update(kind=["Site"]), "document 1, kind", "must be a Site"),
    "another version": (lambda raw: raw.update(apiVersion="v1"), "document 1, apiVersion", "moorage.dev/v1alpha1"),
    "no name": (lambda raw: raw["metadata"].pop("name"), "document 1, metadata.name", "lower-case"),
    "a path as name": (lambda raw: raw["metadata"].update(name="../x"), "document 1, metadata.name", "lower-case"),
    "no metadata": (lambda raw: raw.pop("metadata"), "document 1, metadata", "mapping"),
    "the name of another": (
        lambda raw: (raw["metadata"].update(name="us-1"), raw["spec"].pop("links")),
        "metadata.name",
        "appears twice",
    ),
    "a negative price": (lambda raw: raw["spec"].update(cpuHourPrice="-1"), "spec.cpuHourPrice", "at least 0"),
    "no speed": (lambda raw: raw["spec"].update(speed=0), "spec.speed", "greater than 0"),
    "a price beyond reason": (
        lambda raw: raw["spec"].update(cpuHourPrice=1e30),
        "spec.cpuHourPrice",
        "is too large",
    ),
    "a speed of nothing": (lambda raw: raw["spec"].update(speed=1e-30), "spec.speed", "out of range"),
    "slots without end": (lambda raw: raw["spec"].update(slots="9" * 30), "spec.slots", "whole"),
    "slots beyond what arrays hold": (
        lambda raw: raw["spec"].update(slots=2**63),
        "spec.slots",
        "is too large",
    ),
    "slots below none": (lambda raw: raw["spec"].update(slots=-(2**63)), "spec.slots", "at least 1"),
    "a quota that is none": (lambda raw: raw["spec"].update(quotaCpuHours="nan"), "spec.quotaCpuHours", "quantity"),
    "a watt without end": (lambda raw: raw["spec"].update(cpuWatts="-inf"), "spec.cpuWatts", "quantity"),
    "a word as number": (lambda raw: raw["spec"].update(cpuWatts="few"), "spec.cpuWatts", "not a quantity"),
    "a number beyond the doubles": (lambda raw: raw["spec"].update(cpuWatts="1e999"), "spec", "too large"),
    "an unknown field": (lambda raw: raw["spec"].update(jurisdicton="DE"), "spec.jurisdicton", "not a field"),
    "an unknown clearance": (lambda raw: raw["spec"].update(clearance="secret"), "spec.clearance", "not one of"),
    "a list as clearance": (lambda raw: raw["spec"].update(clearance=["public"]), "spec", ""),
    "a link to itself": (lambda raw: raw["spec"]["links"][0].update(to="eu-1"), "spec.links[0].to", "itself"),
    "a link without bytes": (lambda raw: raw["spec"]["links"][0].update(bytesPerSecond=0), "spec.links[0]", "greater"),
    "half a slot": (lambda raw: raw["spec"].update(slots=0.5), "spec.slots", "whole"),
    "spec as a list": (lambda raw: raw.update(spec=[]), "spec", "mapping"),
}


@pytest.mark.parametrize("name", REFUSED_SITES)
def test_sites_that_are_refused(name: str) -> None:
    """By the file, the object, the field and the remedy."""
    change, field, words = REFUSED_SITES[name]
    with pytest.raises(InputError) as caught:
        read_sites(changed(SITES, change), "sites.yaml")
    assert "sites.yaml" in caught.value.subject
    assert caught.value.field.startswith(field)
    assert words in caught.value.problem


REFUSED_DATASETS: Mapping[str, tuple[Callable[[Any], object], str, str]] = {
    "another kind": (lambda raw: raw.update(kind="Site"), "document 1, kind", "must be a Dataset"),
    "a bad namespace": (lambda raw: raw["metadata"].update(namespace="A"), "document 1, metadata.namespace", "lower"),
    "the name of another": (
        lambda raw: raw["metadata"].update(name="weather", namespace="default"),
        "metadata",
        "default/weather appears twice",
    ),
    "no sources": (lambda raw: raw["spec"].pop("sources"), "spec.sources", "required"),
    "an unknown rule": (lambda raw: raw["spec"]["governance"].update(purpose="x"), "spec.governance.purpose", "field"),
    "an empty rule": (lambda raw: raw["spec"]["governance"].update(residency=[]), "spec.governance.residency", "one"),
    "a false digest": (
        lambda raw: raw["spec"]["governance"]["releases"][0]["component"].update(digest="0" * 64),
        "spec.governance.releases[0].component.digest",
        "does not belong",
    ),
    "a status in words": (lambda raw: raw.update(status="fine"), "status", "mapping"),
    "sources in words": (lambda raw: raw["status"].update(sources="fine"), "status.sources", "list"),
    "bytes in words": (lambda raw: raw["status"].update(bytes="many"), "status.bytes", "number of bytes"),
    "bytes beyond reason": (lambda raw: raw["status"].update(bytes="1e30"), "status.bytes", "not a number of bytes"),
    "negative bytes": (lambda raw: raw["status"].update(bytes=-1), "status.bytes", "number of bytes"),
    "a list of bytes": (lambda raw: raw["status"].update(bytes=[1]), "status.bytes", "number of bytes"),
}


@pytest.mark.parametrize("name", REFUSED_DATASETS)
def test_datasets_that_are_refused(name: str) -> None:
    """By the file, the object, the field and the remedy."""
    change, field, words = REFUSED_DATASETS[name]
    with pytest.raises(InputError) as caught:
        read_datasets(changed(DATASETS, change), "datasets.yaml")
    assert "datasets.yaml" in caught.value.subject
    assert caught.value.field.startswith(field)
    assert words in caught.value.problem


@pytest.mark.parametrize("documents", [[], [{"apiVersion": "v1", "kind": "List", "items": []}]])
def test_without_any_site_nothing_can_be_placed(documents: list[Any]) -> None:
    """So that is told at once; without datasets there may well be a plan."""
    with pytest.raises(InputError, match="there is no Site"):
        read_sites(documents, "f")
    assert read_datasets(documents, "f") == {}


@pytest.mark.parametrize("document", ["words", 1, [], {"kind": "List"}, {"kind": "List", "items": ["x"]}])
def test_what_is_no_object_is_refused(document: object) -> None:
    """With what was expected."""
    with pytest.raises(InputError, match="Site"):
        read_sites([document], "f")


@pytest.mark.parametrize(("text", "reader"), [(SITES, read_sites), (DATASETS, read_datasets)])
def test_spoiled_files_are_refused_with_a_place_or_read(text: str, reader: Callable[..., object]) -> None:
    """Never another exception."""
    outcomes = set()
    for _operator, spoiled in mutants({"kind": "List", "items": objects(text)}, 1200, seed=4):
        try:
            reader(parse(spoiled, "f.json"), "f.json")
            outcomes.add("read")
        except InputError as error:
            assert error.subject  # noqa: PT017 - either outcome is right
            assert error.field  # noqa: PT017
            assert len(str(error)) < 1000  # noqa: PT017
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_namespaces_that_limit_purposes_are_read() -> None:
    """Among other objects, in Lists too; an empty list permits none; without the annotation nothing is limited."""
    found = read_purposes(parse(f"{NAMESPACES}---{SITES}", "f"), "f")
    assert found == {"lab": frozenset({"care", "research"}), "shut": frozenset()}


@pytest.mark.parametrize(
    ("namespaces", "words"),
    [
        ("{kind: Namespace, metadata: {name: lab, annotations: [x]}}", "must map"),
        ("{kind: Namespace, metadata: {name: lab, annotations: {a: 1}}}", "must map"),
        ("{kind: Namespace, metadata: {}}", "lower-case"),
        ("{kind: Namespace, metadata: {name: lab}}\n---\n{kind: Namespace, metadata: {name: lab}}", "appears twice"),
    ],
)
def test_namespaces_that_are_refused(namespaces: str, words: str) -> None:
    """By the file and the field."""
    with pytest.raises(InputError, match=words):
        read_purposes(parse(namespaces, "f"), "f")
