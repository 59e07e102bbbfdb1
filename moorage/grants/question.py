"""The question of a node plugin to the broker: may this pod read this dataset?"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from moorage.model import DatasetRef
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import Fields

PATH: Final = "/v1/grants"
BOUNDS: Final = Bounds(most_bytes=16 * 1024, most_depth=4)
_LONGEST_NAME: Final = 253
# As the API server names pods, namespaces and Datasets. The names become part of a path there: none may lead elsewhere.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """One pod and no other of that name; prints as `namespace/name`."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class GrantQuestion:
    """One pod, one dataset."""

    pod: PodIdentity
    dataset: DatasetRef


def write_question(question: GrantQuestion) -> bytes:
    """Write the body of a request."""
    return json.dumps(write_grant_question(question)).encode()


def write_grant_question(question: GrantQuestion) -> dict[str, Any]:
    """Write a question as a document, or as a part of one."""
    pod, dataset = question.pod, question.dataset
    return {
        "pod": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
        "dataset": {"namespace": dataset.namespace, "name": dataset.name},
    }


def read_question(body: bytes) -> GrantQuestion:
    """Read the body of a request.

    Raises:
        InputError: it is no question; names the field.
    """
    return read_grant_question(read_object(body, "request", BOUNDS))


def read_grant_question(fields: Fields) -> GrantQuestion:
    """Read a document, or a part of one.

    Raises:
        InputError: it is no question; names the field.
    """
    pod, dataset = fields.required_sub("pod"), fields.required_sub("dataset")
    return GrantQuestion(
        PodIdentity(_name(pod, "namespace"), _name(pod, "name"), _text(pod, "uid")),
        read_ref(dataset),
    )


def read_ref(fields: Fields) -> DatasetRef:
    """Read a dataset, as a node plugin names it.

    Raises:
        InputError: a name is none.
    """
    return DatasetRef(_name(fields, "namespace"), _name(fields, "name"))


def _name(fields: Fields, key: str) -> str:
    value = _text(fields, key)
    if not _NAME.fullmatch(value):
        fields.fail(key, "is not a valid name: use lower-case letters, digits, '-' and '.'")
    return value


def _text(fields: Fields, key: str) -> str:
    value = fields.required_text(key)
    if len(value) > _LONGEST_NAME or not value.isprintable():
        fields.fail(key, f"must be a string of at most {_LONGEST_NAME} characters")
    return value
