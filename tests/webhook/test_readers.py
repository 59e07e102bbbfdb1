"""Who may read, who places the pod, and what is only a warning."""

from dataclasses import replace
from typing import Any

from moorage.model import DatasetRef, DatasetStatus
from moorage.policy import Decision, Rule
from tests.webhook.pods import NAMESPACE, SUBJECT, an_s3_dataset, ask, make_pod, reading, refused, serve, warned
from webhook.mutate import Served, Serving

Raw = dict[str, Any]


def test_the_policys_refusals() -> None:
    """The rule is the reason, and stands in the sentence."""
    governed = an_s3_dataset(purposes=frozenset({"research"}), consumers=frozenset({NAMESPACE}))
    pod = make_pod(labels=reading("claims"))
    assert refused(pod).reason == "DatasetUnknown"
    refusal = refused(pod, governed)
    assert (refusal.code, refusal.reason) == (403, "PurposeMissing")
    assert f"{SUBJECT}: metadata.labels[dataset.0.id]: PurposeMissing: dataset fraud/claims" in refusal.message
    stated = make_pod(labels=reading("claims", **{"moorage.dev/purpose": "sale"}))
    assert refused(stated, governed).reason == "PurposeNotAllowed"
    allowed = make_pod(labels=reading("claims", **{"moorage.dev/purpose": "research"}))
    assert isinstance(ask(allowed, governed), Served)
    unlisted = frozenset({"sale"})
    assert refused(allowed, governed, listed_purposes=unlisted).reason == "PurposeMissing"
    foreign = an_s3_dataset(consumers=frozenset({"fraud/trainer"}))
    assert refused(pod, foreign).reason == "ConsumerNotAllowed"
    trainer = make_pod(labels=reading("claims"), serviceAccountName="trainer")
    assert isinstance(ask(trainer, foreign), Served)


def test_the_first_dataset_by_identity_is_named() -> None:
    """Whatever its index."""
    governed = [an_s3_dataset(name, purposes=frozenset({"research"})) for name in ("claims", "scans")]
    refusal = refused(make_pod(labels=reading("scans", "claims")), *governed)
    assert "metadata.labels[dataset.1.id]: PurposeMissing: dataset fraud/claims" in refusal.message


def test_a_dataset_that_can_not_be_read() -> None:
    """It is there, so saying that it is not known would mislead."""
    problem = {DatasetRef(NAMESPACE, "claims"): "Dataset fraud/claims: spec.x: is not a field here"}
    assert (
        "until its steward corrects it: Dataset fraud/claims: spec.x"
        in refused(make_pod(labels=reading("claims")), unreadable=problem).message
    )


def test_an_id_alone_injects_nothing_but_reads() -> None:
    """It is placed near the data, and refused where the data would be."""
    pod = make_pod(labels={"dataset.0.id": "claims"})
    assert serve(pod, an_s3_dataset())["spec"] == {**pod["spec"], "schedulerName": "moorage"}
    assert refused(pod, an_s3_dataset(purposes=frozenset({"research"}))).reason == "PurposeMissing"


def test_what_comes_through_inputs_brings_nothing() -> None:
    """Not even the question whether it is there."""
    pod = make_pod(labels={"dataset.0.id": "claims", "dataset.0.accepts": "public"})
    assert serve(pod) is pod


def test_a_pod_without_datasets_stays_as_it_is() -> None:
    """Also with labels that only look similar."""
    pod = make_pod(labels={"dataset.version": "3", "moorage.dev/purpose": "research"})
    assert serve(pod) is pod


def test_a_foreign_scheduler() -> None:
    """Refused where the data is governed, else warned."""
    pod = make_pod(labels=reading("claims"), schedulerName="theirs")
    (warning,) = warned(pod, an_s3_dataset())
    assert "scheduler theirs does not know where the pod's datasets are" in warning
    message = refused(pod, an_s3_dataset(residency=frozenset({"EU"}))).message
    assert "spec.schedulerName: must not be theirs" in message
    assert "remove it, or set it to moorage" in message


def test_a_dataset_that_is_not_ready_is_a_warning() -> None:
    """With its reason: the pod will wait for its volume."""
    dataset = an_s3_dataset()
    broken = replace(dataset, status=DatasetStatus(ready=False, problem="AccessDenied: correct the Secret"))
    (warning,) = warned(make_pod(labels=reading("claims")), broken)
    assert warning == f"dataset {dataset.ref} is not ready (AccessDenied: correct the Secret)"


def test_a_site_that_refuses_is_a_warning() -> None:
    """Sites and rules change while a pod waits."""
    placement = Decision.denied(Rule.RESIDENCY_VIOLATED, "dataset x must stay in EU ...", None)
    (warning,) = warned(make_pod(labels=reading("claims")), an_s3_dataset(), placement=placement)
    assert "so it will wait: ResidencyViolated: dataset x must stay in EU" in warning


def test_the_clusters_own_scheduler() -> None:
    """It calls the extender for pods that ask for the managed resource."""
    serving = Serving(scheduler_name="default-scheduler", managed_resource="moorage.dev/dataset")
    mounted = serve(make_pod(labels=reading("claims")), an_s3_dataset(), serving=serving)["spec"]
    assert mounted["schedulerName"] == "default-scheduler"
    resources = mounted["initContainers"][0]["resources"]
    assert resources["limits"]["moorage.dev/dataset"] == resources["requests"]["moorage.dev/dataset"] == "1"
    bare = serve(make_pod(labels={"dataset.0.id": "claims"}), an_s3_dataset(), serving=serving)["spec"]
    assert bare["containers"][0]["resources"]["limits"] == {"moorage.dev/dataset": "1"}
