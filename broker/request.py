"""What a node plugin asks, read strictly. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from moorage.errors import InputError
from moorage.model import DatasetRef

_SUBJECT = "request"
_LONGEST_NAME = 253
# As the API server names pods, namespaces and Datasets. The names become part of a path there: none may lead elsewhere.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """One pod, one dataset.

    Attributes:
        namespace: the pod's.
        name: the pod's.
        uid: the pod's, so that another pod of that name gets nothing.
        dataset: what it wants.
    """

    namespace: str
    name: str
    uid: str
    dataset: DatasetRef


def read_request(body: bytes) -> GrantRequest:
    """Read `{"pod": {"namespace", "name", "uid"}, "dataset": {"namespace", "name"}}`.

    Raises:
        InputError: it is not that.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InputError(_SUBJECT, "body", "is not JSON") from None
    if not isinstance(document, Mapping):
        raise InputError(_SUBJECT, "body", "must be an object")
    return GrantRequest(
        namespace=_name(document, "pod", "namespace"),
        name=_name(document, "pod", "name"),
        uid=_text(document, "pod", "uid"),
        dataset=DatasetRef(_name(document, "dataset", "namespace"), _name(document, "dataset", "name")),
    )


def _name(document: Mapping[str, object], part: str, key: str) -> str:
    value = _text(document, part, key)
    if not _NAME.fullmatch(value):
        raise InputError(_SUBJECT, f"{part}.{key}", "is no name: lower-case letters, digits, '-' and '.'")
    return value


def _text(document: Mapping[str, object], part: str, key: str) -> str:
    within = document.get(part)
    value = within.get(key) if isinstance(within, Mapping) else None
    if not isinstance(value, str) or not value or len(value) > _LONGEST_NAME or not value.isprintable():
        raise InputError(_SUBJECT, f"{part}.{key}", f"is required: a text of at most {_LONGEST_NAME} characters")
    return value
