"""What pods that use Datashim's Datasets would notice, as a table."""

from typing import Any

import pytest

from moorage.model import DatasetRef
from moorage_cli.migrating.conversion import convert_all
from moorage_cli.migrating.users import told_of

Raw = dict[str, Any]


def _dataset(name: str, **local: str) -> Raw:
    return {
        "apiVersion": "datashim.io/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": name, "namespace": "fraud"},
        "spec": {"local": {"type": "COS", "endpoint": "https://s3", "bucket": "b", "secret-name": "k", **local}},
    }


_DATASETS = [
    _dataset("images", readonly="true"),
    _dataset("results", readonly="false"),
    _dataset("silent"),
    {**_dataset("export"), "spec": {"local": {"type": "NFS", "server": "s", "share": "/", "readonly": "true"}}},
    {**_dataset("old"), "spec": {"local": {"type": "H3", "storageUri": "x", "bucket": "b"}}},
    {
        **_dataset("table"),
        "spec": {
            "remote": {
                "type": "CatalogEntry",
                "catalogURI": "thrift://m:9083",
                "table": "d/t",
                "endpoint": "https://s3",
                "bucket": "b",
            }
        },
    },
]


def _using(name: str, useas: str = "mount", **more: str) -> Raw:
    return {"dataset.0.id": name, "dataset.0.useas": useas, **more}


def _claiming(name: str, **claim: object) -> Raw:
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name, **claim}}]}


@pytest.mark.parametrize(
    ("labels", "spec", "told"),
    [
        ({}, {}, ""),
        (_using("images"), {}, ""),
        (_using("images", "mount.configmap"), {}, ""),
        (_using("there"), {}, ""),
        (_using("absent"), {}, "names dataset fraud/absent, which is not there"),
        (_using("images", "folder"), {}, "is refused here: metadata.labels[dataset.0.useas]: 'folder' is not one of"),
        ({"datasets.0.id": "images"}, {}, "label datasets.0.id is not read: write dataset.0.id: images"),
        (_using("results"), {}, "only reads dataset fraud/results here: if it writes, label it dataset.0.access"),
        (_using("results", **{"dataset.0.access": "readWrite"}), {}, ""),
        (_using("silent"), {}, "can write to dataset fraud/silent there and only reads here"),
        (_using("export", "configmap"), {}, "asks for the variables of dataset fraud/export: a source of kind nfs has"),
        (_using("old"), {}, "mounts dataset fraud/old: a source of kind H3 is not served here"),
        ({}, _claiming("results"), ""),
        ({}, _claiming("other"), ""),
        ({}, _claiming("silent"), "can write to claim fraud/silent there and only reads here"),
        ({}, _claiming("silent", readOnly=True), ""),
        ({}, _claiming("table"), "mounts claim fraud/table, which the Dataset does not keep here: set spec.claim"),
        (
            {},
            {"containers": [{"envFrom": [{"configMapRef": {"name": "images"}}]}]},
            "reads Datashim's ConfigMap images, which goes with its Dataset",
        ),
        ({}, {"containers": [{"envFrom": [{"configMapRef": {"name": "other"}}, {"prefix": "x"}]}]}, ""),
    ],
)
def test_what_is_told(labels: Raw, spec: Raw, told: str) -> None:
    """One sentence, or none where nothing is different."""
    template: Raw = {"metadata": {"labels": labels}, "spec": spec}
    raw = {"kind": "Deployment", "metadata": {"name": "x", "namespace": "fraud"}, "spec": {"template": template}}
    datasets = convert_all(_DATASETS, "eu-1").datasets
    sentences = told_of(raw, datasets, frozenset({DatasetRef("fraud", "there")}), frozenset({"fraud"}))
    assert len(sentences) == bool(told), sentences
    assert all(each.startswith(f"Deployment fraud/x: {told}") for each in sentences), sentences


def test_a_namespace_that_datashim_leaves_alone_is_told() -> None:
    """Its labelled pods get nothing there, and would be served here."""
    raw = {"kind": "Pod", "metadata": {"name": "x", "namespace": "fraud", "labels": _using("images")}, "spec": {}}
    datasets = convert_all(_DATASETS, "eu-1").datasets
    (told,) = told_of(raw, datasets, frozenset(), frozenset())
    assert "gets nothing from Datashim, whose label is not on Namespace fraud" in told
    assert told_of(raw, datasets, frozenset(), None) == []


def test_the_secret_of_a_bucket_claim_is_noticed() -> None:
    """A source may follow the claim instead."""
    claim: Raw = {"apiVersion": "objectbucket.io/v1alpha1", "kind": "ObjectBucketClaim"}
    claim |= {"metadata": {"name": "k", "namespace": "fraud"}}
    notes = convert_all([claim, _dataset("images", readonly="true")], "eu-1").notes
    assert any("is the Secret of ObjectBucketClaim k" in note for note in notes), notes
