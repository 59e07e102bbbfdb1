"""`why` for a person who may read neither Sites nor other people's Datasets: asks Moorage by a DatasetAccessReview.

The review is created with dryRun: the API server checks that the person may ask in that namespace, the webhook answers,
and nothing is stored. The answer says what the refusal of a pod would say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.errors import ForbiddenError, KubeError, NotFoundError
from moorage.kube import Client
from moorage.kube.resources import DATASET_ACCESS_REVIEWS
from moorage_cli.gathering import Asked
from moorage_cli.output import document, say, sentence, table
from moorage_cli.running import REFUSED
from moorage_cli.sentences import words


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was asked, and the status of the review."""

    asked: Asked
    status: Mapping[str, Any]


async def review(client: Client, asked: Asked, cause: ForbiddenError) -> Reviewed:
    """Ask Moorage.

    Raises:
        ForbiddenError: the person may not ask either; the message says both.
        KubeError: Moorage, or the API server, does not answer.
    """
    spec: dict[str, Any] = {
        "datasets": [{"namespace": ref.namespace, "name": ref.name} for ref in asked.refs],
        "serviceAccount": asked.service_account,
    }
    if asked.stated_purpose:
        spec["purpose"] = asked.stated_purpose
    try:
        return Reviewed(asked, await create_review(client, asked.namespace, spec))
    except (ForbiddenError, NotFoundError) as error:
        raise ForbiddenError(f"{cause}; and Moorage could not be asked either: {error}", status=403) from error


async def create_review(client: Client, namespace: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The status of a DatasetAccessReview.

    Raises:
        KubeError: the person may not ask, or Moorage, or the API server, does not answer.
    """
    body = {
        "apiVersion": DATASET_ACCESS_REVIEWS.api_version,
        "kind": DATASET_ACCESS_REVIEWS.kind,
        "metadata": {"namespace": namespace, "name": "question"},
        "spec": dict(spec),
    }
    answered = await client.create(DATASET_ACCESS_REVIEWS, body, dry_run=True)
    status = answered.get("status")
    if not isinstance(status, dict):
        raise KubeError("the DatasetAccessReview came back without an answer: is Moorage's webhook installed?")
    return status


def tell(reviewed: Reviewed, output: str) -> int:
    """Print the answer; gives the exit code."""
    asked, status = reviewed.asked, reviewed.status
    allowed = bool(status.get("allowed"))
    sites = status.get("sites") or []
    if output in {"json", "yaml"}:
        document({"datasets": [str(ref) for ref in asked.refs], **status, "notes": [*asked.notes]}, output)
        return 0 if allowed else REFUSED
    sentence(_opening(asked))
    say()
    table(["SITE", "DECISION"], [[entry["site"], _decision(entry)] for entry in sites])
    if status.get("more"):
        sentence(f"and {status['more']} more Sites.")
    sites_of: dict[str, list[str]] = {}
    for entry in sites:
        if entry.get("message"):
            sites_of.setdefault(entry["message"], []).append(entry["site"])
    if sites_of:
        say()
    for message, names in sites_of.items():
        sentence(f"{', '.join(names)}: {message}.")
    say()
    for line in (*asked.notes, "You may not read the Sites or a Dataset yourself, so Moorage was asked."):
        sentence(line)
    return 0 if allowed else REFUSED


def _opening(asked: Asked) -> str:
    purpose = f", stating the purpose {asked.stated_purpose}" if asked.stated_purpose else ", without a purpose"
    account = f"as service account {asked.namespace}/{asked.service_account}{purpose}"
    named = words([str(ref) for ref in asked.refs])
    if asked.workload:
        return f"Each pod of {asked.workload} reads {named} {account}."
    if asked.pod is not None:
        return f"Pod {asked.pod.namespace}/{asked.pod.name} reads {named} {account}."
    return f"A reader of {named} {account}:"


def _decision(entry: Mapping[str, Any]) -> str:
    return "allowed" if entry.get("allowed") else f"refused: {entry.get('rule') or 'no rule'}"
