"""Labels meant for Moorage that have no effect: misspelt, incomplete, or written as annotations. Pure.

Each is told as one sentence with the line to write instead. Nothing here refuses: whether a label can be read at all is
`moorage.wire.pod`'s to say.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moorage.model import MOST_DATASETS
from moorage.wire.pod import looks_like_dataset_label

MOST_TOLD = 8
"""Sentences about one object; an API server cuts long lists of warnings itself."""
_LONGEST_VALUE = 63
# `datasets.0.id`, `Dataset.0.id`, `dataset.id`, `dataset-0-id`, `dataset.0.use-as`.
_NEAR = re.compile(
    r"datasets?(?:[._-](?P<index>[0-9]{1,4}))?[._-](?P<field>id|use[._-]?as|namespace|release|accepts|access)"
)
# In the place of `dataset.N.useas` these say that more is wanted than a name.
_COMPLETING = ("useas", "release", "accepts")


def near_misses(labels: Mapping[str, Any], annotations: Mapping[str, Any], *, called: str = "label") -> list[str]:
    """Find labels that are nearly dataset labels, in the order of the keys; at most `MOST_TOLD` sentences.

    Args:
        labels: what is read.
        annotations: what is not.
        called: what those that are read are, in the sentences.
    """
    told: list[str] = []
    for sentence in _all(labels, annotations, called):
        if len(told) == MOST_TOLD:
            break
        told.append(sentence)
    return told


def named_in_vain(labels: Mapping[str, Any]) -> list[str]:
    """Return the dataset labels among labels of something that is no pod; sorted."""
    return sorted(key for key in labels if looks_like_dataset_label(key))


def _all(labels: Mapping[str, Any], annotations: Mapping[str, Any], called: str) -> Iterator[str]:
    for key in sorted(labels):
        if looks_like_dataset_label(key):
            if key.endswith(".id") and not any(f"{key[:-2]}{field}" in labels for field in _COMPLETING):
                yield (
                    f"{called} {key} names dataset {_shown(labels[key])}, but the pod gets no data from it: add the "
                    f"{called} {key[:-2]}useas: mount"
                )
        elif (meant := _meant(key)) is not None:
            yield f"{called} {_shown(key)} is not read: write {meant}: {_shown(labels[key])}"
    for key in sorted(annotations):
        meant = key if looks_like_dataset_label(key) else _meant(key)
        if meant is not None and meant not in labels:
            yield f"annotation {_shown(key)} is not read: write it as a label, {meant}: {_shown(annotations[key])}"


def _meant(key: str) -> str | None:
    match = _NEAR.fullmatch(key.lower()) if len(key) <= _LONGEST_VALUE and key[:1] in {"d", "D"} else None
    if match is None or int(match["index"] or 0) >= MOST_DATASETS:
        return None
    field = re.sub("[._-]", "", match["field"])
    return f"dataset.{int(match['index'] or 0)}.{field}"


def _shown(value: object) -> str:
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
