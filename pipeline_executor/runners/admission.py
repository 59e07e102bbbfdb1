"""Interpretation of the API server's answer to the creation of a pod. Pure."""

import re
from dataclasses import dataclass

from moorage.errors import ForbiddenError, KubeError, NotFoundError
from pipeline_executor.runners.sentences import shortened

_BAD_REQUEST, _INVALID, _TOO_LARGE = 400, 422, 413
_WEBHOOK = re.compile(r'^.*?admission webhook "[^"]+" denied the request: ', re.DOTALL)
_REFUSALS = re.compile(r"denied the request: |denied request: |is forbidden: |is invalid: ")
_POLICY = re.compile(r"^.*?ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request: ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refused:
    """The pod will not be; `wait`: it may be later, as when a quota is used up now."""

    message: str
    wait: bool = False


def needs_non_root(error: KubeError) -> bool:
    """Return whether the namespace only takes pods that say `runAsNonRoot`."""
    return "PodSecurity" in str(error) and "runAsNonRoot" in str(error)


def meaning(error: KubeError) -> Refused | None:
    """Interpret an error; None where only a retry can help."""
    said = str(error)
    if isinstance(error, NotFoundError):
        return Refused(shortened(f"its pod can't be made: {said}"))
    if isinstance(error, ForbiddenError):
        if "exceeded quota" in said or "because it is being terminated" in said:
            return Refused(shortened(f"its pod can't be made now: {_sentence(said)}"), wait=True)
        if "cannot create resource" in said:
            return Refused(shortened(f"Moorage may not make its pod: {_sentence(said)}"), wait=True)
        return Refused(shortened(f"its pod was refused: {_sentence(said)}"))
    if error.status in {_BAD_REQUEST, _INVALID, _TOO_LARGE}:
        return Refused(shortened(f"its pod was refused: {_sentence(said)}"))
    return None


def meaning_of_message(said: str) -> Refused | None:
    """Interpret a third party's report of the API server's answer to a pod; None where it is no refusal."""
    if _REFUSALS.search(said) is None:
        return None
    if "exceeded quota" in said or "because it is being terminated" in said:
        return Refused(shortened(f"its pod can't be made now: {_sentence(said)}"), wait=True)
    return Refused(shortened(f"its pod was refused: {_sentence(said)}"))


def _sentence(said: str) -> str:
    """Return a webhook's or a policy's own sentence, without what the API server puts in front of it."""
    for head in (_WEBHOOK, _POLICY):
        if head.match(said):
            return head.sub("", said, count=1)
    return said
