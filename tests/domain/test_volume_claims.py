"""Where a PersistentVolumeClaim leads, by the words of its PersistentVolume. Pure."""

import re
from typing import Any

import pytest

from moorage.errors import SourceError
from moorage.sources import Location
from moorage.sources.claimed import bound_name, check_owned
from moorage.sources.nfs import NfsSource
from moorage.sources.node_terms import NodeTerms
from moorage.sources.pvc import PvcSource

Raw = dict[str, Any]
SOURCE, CLAIM, VOLUME = PvcSource("scans"), "PersistentVolumeClaim steward/scans", "PersistentVolume pv-1"
REF = {"namespace": "steward", "name": "scans", "uid": "u1"}


def csi(**attributes: str) -> Raw:
    """A volume of the driver for NFS."""
    return {"csi": {"driver": "nfs.csi.k8s.io", "volumeHandle": "x", "volumeAttributes": attributes}}


@pytest.mark.parametrize(
    ("spec", "location"),
    [
        ({"nfs": {"server": "n.test", "path": "/e/a", "readOnly": True}}, NfsSource("n.test", "/e/a")),
        (csi(server="n.test", share="/e"), NfsSource("n.test", "/e")),
        (csi(server="n.test", share="/", subDir="pvc-1"), NfsSource("n.test", "/pvc-1")),
        (csi(server="n.test", share="/e/", subdir="/a/b/"), NfsSource("n.test", "/e/a/b")),
    ],
)
def test_a_volume_is_the_source_that_it_is(spec: Raw, location: Location) -> None:
    """With everything that is said of such a source: who mounts it, and at which sites."""
    assert SOURCE.place(VOLUME, {"spec": spec}).location == location


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"csi": {"driver": "ebs.csi.aws.com"}}, "is of the CSI driver ebs.csi.aws.com, and only nfs, and csi of"),
        ({"csi": {"driver": "data.moorage.dev"}}, "is of the CSI driver data.moorage.dev"),
        ({"iscsi": {}}, "is of another kind, and only nfs,"),
        ({"local": {"path": "/dev/sdb"}, "volumeMode": "Block"}, "is a block device, and only nfs,"),
        ({"hostPath": {"path": "/srv/a", "type": ""}}, "is a directory of a node, and only nfs,"),
        ({"local": {"path": "/mnt/ssd"}, "volumeMode": "Filesystem"}, "is a directory of a node, and only nfs,"),
        ({"nfs": {"server": "n.test", "path": "/srv/../etc"}}, "nfs.path: '/srv/../etc' must be absolute"),
        ({"nfs": {"path": "/e"}}, "nfs.server: is required"),
        (csi(share="/e"), "spec.csi.volumeAttributes.server: is required"),
        (csi(server="n.test"), "spec.csi.volumeAttributes.share: is required"),
        (csi(server="n.test", share="/e", subDir="../salaries"), "must not contain '..'"),
        (csi(server="n.test", share="/e", subDir="${pvc.metadata.name}"), "has variables in its subDir"),
    ],
)
def test_another_volume_is_a_sentence(spec: Raw, problem: str) -> None:
    """Which says what it is, which are served, and what to do."""
    with pytest.raises(SourceError, match=re.escape(problem)) as caught:
        SOURCE.place(VOLUME, {"spec": spec})
    assert (caught.value.reason, str(caught.value).startswith(VOLUME)) == ("ClaimNotServed", True)


def test_a_claim_of_anothers_volume_counts_for_nothing() -> None:
    """By the uid in the volume's claimRef; one that waits for a consumer says what brings one."""
    claim = {"metadata": REF, "spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"}}
    assert bound_name(SOURCE, CLAIM, claim) == "pv-1"
    volume = {"spec": {"claimRef": {**REF, "uid": "u2"}}, "status": {"phase": "Bound"}}
    with pytest.raises(SourceError, match="which is not bound to it") as caught:
        check_owned(CLAIM, claim, VOLUME, volume)
    assert caught.value.reason == "ClaimElsewhere"
    pending = {"metadata": REF, "spec": {}, "status": {"phase": "Pending"}}
    with pytest.raises(SourceError, match=r"start a pod that mounts the claim$"):
        bound_name(SOURCE, CLAIM, pending)


def terms(*required: Raw) -> NodeTerms:
    """As a volume has them."""
    return NodeTerms.read({"required": {"nodeSelectorTerms": list(required)}})


def labelled(operator: str, *values: str, key: str = "disk") -> Raw:
    """One term."""
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("given", "matches"),
    [
        (NodeTerms.read(None), True),
        (NodeTerms.read({}), True),
        (NodeTerms.read({"required": None}), True),
        (terms(labelled("In", "ssd", "nvme")), True),
        (terms(labelled("In", "hdd")), False),
        (terms(labelled("In", "hdd"), labelled("In", "ssd")), True),
        (
            terms(
                {"matchExpressions": [*labelled("In", "ssd")["matchExpressions"], {"key": "x", "operator": "Exists"}]}
            ),
            False,
        ),
        (terms(labelled("NotIn", "hdd")), True),
        (terms(labelled("NotIn", "ssd")), False),
        (terms(labelled("Exists")), True),
        (terms(labelled("DoesNotExist")), False),
        (terms(labelled("DoesNotExist", key="x")), True),
        (terms(labelled("Gt", "3", key="rack")), True),
        (terms(labelled("Lt", "3", key="rack")), False),
        (terms(labelled("Gt", "3", key="disk")), False),
        (terms({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}), True),
        (terms({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}), False),
        (terms(labelled("Near", "ssd")), False),
        (terms({}), False),
        (terms(), False),
        (NodeTerms.read({"required": {"nodeSelectorTerms": "any"}}), False),
        (NodeTerms.read("any"), False),
    ],
)
def test_a_volume_is_on_the_nodes_that_it_says(*, given: NodeTerms, matches: bool) -> None:
    """As the scheduler understands it; what can't be read is on none."""
    assert given.match("n1", {"disk": "ssd", "rack": "4"}) is matches
