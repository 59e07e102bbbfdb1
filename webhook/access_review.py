"""Answers a DatasetAccessReview: may this account read these Datasets, and at which Sites? Pure.

Like Kubernetes' own SubjectAccessReview it is a question in the form of an object. It is created with dryRun, so that
the API server authenticates and authorises whoever asks (`create` in a namespace that is theirs) and nothing is stored;
the mutating webhook writes the answer into the status. A data scientist needs no right to read Sites, or Datasets of
others.
"""

from typing import Any

from moorage.errors import InputError
from moorage.model import MOST_DATASETS, DatasetRef, DatasetUse, Usage
from moorage.policy import Decision, decide_all
from moorage.reading.fields import Fields
from moorage.refusal import Refusal
from moorage.sites import Inventory
from webhook.mutate import Facts, PodRequest, make_reader
from webhook.review import Review

MOST_SITES = 1000

Raw = dict[str, Any]


def refuse_to_store(review: Review) -> Refusal | None:
    """Return the refusal to store the object, or None for a dry run."""
    if review.dry_run:
        return None
    message = (
        f"{review.subject}: a DatasetAccessReview is a question and is never stored: create it with dryRun=All, as "
        "kubectl create --dry-run=server -o yaml does, and read its status"
    )
    return Refusal(400, "BadRequest", message)


def read_question(review: Review) -> PodRequest:
    """Read the question, as the pod that would read these Datasets.

    Raises:
        InputError: it can't be read.
    """
    spec = Fields(review.subject, "", review.object).sub("spec")
    if spec is None:
        raise InputError(review.subject, "spec", "is required")
    listed = spec.subs("datasets")
    if not 0 < len(listed) <= MOST_DATASETS:
        spec.fail("datasets", f"must name 1 to {MOST_DATASETS} Datasets")
    refs = sorted({_ref(each, review.namespace) for each in listed})
    uses = tuple(DatasetUse(index, ref) for index, ref in enumerate(refs))
    pod = {"spec": {"serviceAccountName": spec.text("serviceAccount")}}
    return PodRequest(review.subject, review.namespace, pod, Usage(uses, spec.text("purpose")))


def _ref(fields: Fields, own_namespace: str) -> DatasetRef:
    return DatasetRef(
        own_namespace if fields.text("namespace") is None else fields.name("namespace"), fields.name("name")
    )


def answer(question: PodRequest, facts: Facts, inventory: Inventory) -> Raw:
    """Return the status: the policy's decision at each Site, in the words of a refusal."""
    reader = make_reader(question, facts.listed_purposes)
    pairs = [(use.ref, facts.datasets.get(use.ref)) for use in question.usage.uses]
    names = sorted(inventory.sites)
    decided = {name: decide_all(pairs, reader, inventory.place(name), inventory) for name in names[:MOST_SITES]}
    status: Raw = {
        "allowed": any(decision.allowed for decision in decided.values()),
        "sites": [_entry(name, decision) for name, decision in decided.items()],
    }
    if len(names) > MOST_SITES:
        status["more"] = len(names) - MOST_SITES
    return status


def _entry(name: str, decision: Decision) -> Raw:
    entry: Raw = {"site": name, "allowed": decision.allowed}
    if not decision.allowed:
        entry["rule"] = "" if decision.rule is None else decision.rule.value
        entry["message"] = decision.message[:4096]
        if decision.dataset is not None:
            entry["dataset"] = str(decision.dataset)
    return entry
