"""Warnings for whoever applies a workload: what its pods would be told at admission. Never a refusal. Pure.

A refused Deployment is otherwise found only in the events of its ReplicaSet.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from moorage.errors import InputError
from moorage.refusal import Refusal
from moorage.wire.near_misses import named_in_vain, near_misses
from moorage.wire.workloads import PodTemplate, pod_templates
from webhook.mutate import Served
from webhook.review import Review

MOST_WARNINGS = 16
_LONGEST = 1024
# A workload of that kind is made by another one, which was told already.
_MADE_BY_CONTROLLERS = frozenset({"ReplicaSet", "Job", "Workflow"})

Answer = Served | Refusal
Ask = Callable[[dict[str, Any], str, str], Awaitable[Answer | None]]
"""A function that predicts admission's answer to a pod of a namespace, named for messages; None: it reads nothing."""


async def warnings_of(review: Review, ask: Ask) -> tuple[str, ...]:
    """Return the warnings about a workload.

    Args:
        review: what is applied.
        ask: what admission would answer to a pod.
    """
    if not _is_news(review):
        return ()
    told: dict[str, None] = {}
    templates = pod_templates(review.kind, review.object)
    for sentence in _labels_of_the_workload(review, templates):
        told.setdefault(sentence)
    for template in templates:
        for sentence in await _of_template(review, template, ask):
            told.setdefault(f"{template.field}: {sentence}"[:_LONGEST])
        if len(told) >= MOST_WARNINGS:
            break
    return tuple(told)[:MOST_WARNINGS]


def _is_news(review: Review) -> bool:
    """Return whether a user made the request and changed the pod template."""
    metadata = review.object.get("metadata") or {}
    if metadata.get("deletionTimestamp"):
        return False
    if review.kind in _MADE_BY_CONTROLLERS and any(
        isinstance(owner, dict) and owner.get("controller") for owner in metadata.get("ownerReferences") or ()
    ):
        return False
    before, after = review.old_object, review.object
    return not before or pod_templates(review.kind, before) != pod_templates(review.kind, after)


def _labels_of_the_workload(review: Review, templates: tuple[PodTemplate, ...]) -> Iterator[str]:
    labels: dict[str, Any] = (review.object.get("metadata") or {}).get("labels") or {}
    in_vain = named_in_vain(labels)
    if not in_vain or not templates or any(named_in_vain(_labels(template)) for template in templates):
        return
    yield (
        f"metadata.labels: {in_vain[0]} is on the {review.kind}, and its pods do not get it: write it under "
        f"{templates[0].field}.metadata.labels, too"
    )


async def _of_template(review: Review, template: PodTemplate, ask: Ask) -> list[str]:
    told = near_misses(_labels(template), template.metadata.get("annotations") or {})
    pod = {"metadata": {**template.metadata, "namespace": review.namespace}, "spec": template.spec}
    try:
        answer = await ask(pod, review.namespace, f"a pod of {review.subject}")
    except InputError as error:
        return [*told, f"its pods will be refused: {error}"]
    if answer is None:
        return told
    if isinstance(answer, Refusal):
        return [*told, f"its pods will be refused: {answer.message}"]
    return [*told, *answer.warnings]


def _labels(template: PodTemplate) -> dict[str, Any]:
    labels: dict[str, Any] = template.metadata.get("labels") or {}
    return labels
