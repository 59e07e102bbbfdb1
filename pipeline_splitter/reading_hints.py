"""Reads `hints.yaml`: what a person or an earlier run states about a pipeline. Files merge; later ones win."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moorage.errors import InputError
from moorage.model import DatasetRef
from moorage.reading.duration import parse_seconds
from moorage.reading.fields import DNS_LABEL, Fields
from moorage.wire import parse_quantity
from moorage.wire.site import read_currency
from pipeline_splitter.documents.limits import MOST
from pipeline_splitter.documents.shown import shown
from pipeline_splitter.hints import Defaults, Hints, InputHint, TaskHint

_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def read_hints(files: Sequence[tuple[str, Sequence[Any]]]) -> Hints:
    """Read all hint files, merged field by field; the later wins.

    Dataset names without a namespace are in the merged `defaults.namespace`, else in `default`, whichever file named
    them.

    Args:
        files: (subject, documents) of each file, in the order of the command line.

    Raises:
        InputError: naming the file, the field and the remedy.
    """
    merged = _Merged()
    for subject, documents in files:
        for document in documents:
            merged.take(subject, document)
    return merged.finish()


def refuse_unknown_names(
    hints: Hints,
    *,
    tasks: Collection[str],
    inputs: Collection[str],
    artifacts: Collection[str],
) -> None:
    """Refuse hints that name nothing in the pipeline. An unknown dataset is no error: governance refuses its readers.

    Args:
        hints: as they were merged.
        tasks: every path that a hint may name: tasks, units, nested pipelines, what is inside of them.
        inputs: the pipeline's own inputs; files that nobody writes.
        artifacts: `<task>.<output>`; files.

    Raises:
        InputError: naming the first such hint and what there is of that kind.
    """
    for section, named, known in (
        ("inputs", hints.inputs, inputs),
        ("tasks", hints.tasks, tasks),
        ("artifacts", hints.artifacts, artifacts),
    ):
        for name in hints.stated(section, named):
            if name not in known:
                raise InputError("hints", f"{section}[{shown(name)}]", f"names nothing in the pipeline; {_some(known)}")


_SHOWN = 5


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    if not ordered:
        return "there is none"
    return f"there are {', '.join(ordered[:_SHOWN])}{', ...' if len(ordered) > _SHOWN else ''}"


Entry = dict[str, Any]
Reader = Callable[[Fields, str], Any]


@dataclass(slots=True)
class _Merged:
    """Fields by section and name as they were read; dataset names are still words."""

    inputs: dict[str, Entry] = field(default_factory=dict)
    tasks: dict[str, Entry] = field(default_factory=dict)
    artifacts: dict[str, Entry] = field(default_factory=dict)
    defaults: Entry = field(default_factory=dict)
    said_in: dict[str, str] = field(default_factory=dict)
    """File that named an input last, for errors that show once all are merged."""
    stated: set[tuple[str, str]] = field(default_factory=set)
    measured: set[tuple[str, str]] = field(default_factory=set)

    def take(self, subject: str, document: Any) -> None:  # noqa: ANN401 - raw JSON
        if not isinstance(document, Mapping):
            raise InputError(subject, "document", "must be a mapping with inputs, tasks, artifacts or defaults")
        fields = Fields(subject, "", document)
        names = self.measured if _is_measured(fields) else self.stated
        for section, target, readers in (
            ("inputs", self.inputs, _INPUT),
            ("tasks", self.tasks, _TASK),
            ("artifacts", self.artifacts, _ARTIFACT),
        ):
            entries = fields.sub(section)
            for name, raw in entries.raw.items() if entries else ():
                entry = Fields(subject, f"{section}[{shown(name)}]", raw)
                if not isinstance(raw, Mapping):
                    entry.fail("", "must be a mapping")
                target.setdefault(name, {}).update(_read_entry(entry, readers))
                names.add((section, name))
                if section == "inputs":
                    self.said_in[name] = subject
        defaults = fields.sub("defaults")
        if defaults:
            self.defaults |= _read_entry(defaults, _DEFAULTS)
        fields.finish()

    def finish(self) -> Hints:
        defaults = Defaults(**self.defaults, namespace_said="namespace" in self.defaults)
        for name, entry in self.inputs.items():
            if "dataset" not in entry:
                raise InputError(
                    self.said_in[name], f"inputs[{shown(name)}].dataset", "is required: which dataset it is"
                )
        return Hints(
            inputs={
                name: InputHint(_dataset(entry["dataset"], defaults.namespace), entry.get("size_bytes"))
                for name, entry in sorted(self.inputs.items())
            },
            tasks={name: _task_hint(entry, defaults.namespace) for name, entry in sorted(self.tasks.items())},
            artifacts={
                name: entry["size_bytes"] for name, entry in sorted(self.artifacts.items()) if "size_bytes" in entry
            },
            defaults=defaults,
            measured=frozenset(self.measured - self.stated),
        )


def _is_measured(fields: Fields) -> bool:
    """Return whether the document's figures come from earlier runs: `measured: {pipeline, runs, version}`."""
    about = fields.sub("measured")
    if about is None:
        return False
    about.text("pipeline")
    for key in ("runs", "version"):
        about.count(key)
    about.finish()
    if fields.value("inputs") or fields.value("defaults"):
        fields.fail("measured", "goes with tasks and artifacts only: put inputs and defaults into a file of their own")
    return True


def _read_entry(fields: Fields, readers: Mapping[str, tuple[str, Reader]]) -> Entry:
    entry = {}
    for key, (attribute, reader) in readers.items():
        if fields.value(key) is not None:
            entry[attribute] = reader(fields, key)
    fields.finish()
    return entry


def _number(fields: Fields, key: str) -> float:
    value = fields.raw[key]
    try:
        number = float(parse_quantity(value)) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= MOST:
        fields.fail(key, f"{shown(value)} must be a number from 0 to {MOST:g}, such as 120, 500m or 12Gi")
    return number


def _seconds(fields: Fields, key: str) -> float:
    value = fields.raw[key]
    problem = (
        f"{shown(value)} must be a number of seconds from 0 to {MOST:g}, or one with s, min or h, like 120 or 5min"
    )
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        fields.fail(key, problem)
    try:
        seconds = float(parse_seconds(value))
    except ValueError as error:
        fields.fail(key, str(error))
    except OverflowError:
        fields.fail(key, problem)
    if not 0 <= seconds <= MOST:
        fields.fail(key, problem)
    return seconds


def _count(fields: Fields, key: str) -> int:
    value = _number(fields, key)
    if value != int(value):
        fields.fail(key, f"{shown(fields.raw[key])} must be a whole number")
    return int(value)


def _matching(pattern: re.Pattern[str], rule: str) -> Reader:
    def read(fields: Fields, key: str) -> str:
        value = fields.raw[key]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            fields.fail(key, f"{shown(value)} must be {rule}")
        return value

    return read


_NAME = _matching(DNS_LABEL, "lower-case letters, digits and '-', at most 63 of them")
_ACCOUNT = _matching(_SUBDOMAIN, "a service account's name: lower-case letters, digits, '-' and '.'")
_PURPOSE = _matching(
    _LABEL_VALUE, "one word, because it becomes a label: letters, digits, '-', '_' and '.', at most 63 of them"
)


def _currency(fields: Fields, key: str) -> str:
    return read_currency(fields, key) or ""


def _dataset_words(fields: Fields, key: str) -> tuple[str, ...]:
    return _words(fields, key, fields.raw[key], 1, "a dataset's name, such as claims or steward/claims")


def _accepted_words(fields: Fields, key: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        _words(fields, key, text, 2, "a dataset and its release, such as claims/pseudonymise")
        for text in _texts(fields, key)
    )


def _words(fields: Fields, key: str, text: Any, least: int, rule: str) -> tuple[str, ...]:  # noqa: ANN401 - raw JSON
    words = tuple(text.split("/")) if isinstance(text, str) else ()
    if len(words) not in {least, least + 1} or not all(DNS_LABEL.fullmatch(word) for word in words):
        fields.fail(key, f"{shown(text)} must be {rule}")
    return words


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    return fields.texts(key) or ()


_INPUT: dict[str, tuple[str, Reader]] = {"dataset": ("dataset", _dataset_words), "bytes": ("size_bytes", _number)}
_ARTIFACT: dict[str, tuple[str, Reader]] = {"bytes": ("size_bytes", _number)}
_READER: dict[str, tuple[str, Reader]] = {
    "purpose": ("purpose", _PURPOSE),
    "namespace": ("namespace", _NAME),
    "serviceAccount": ("service_account", _ACCOUNT),
}
_TASK: dict[str, tuple[str, Reader]] = {
    "seconds": ("seconds", _seconds),
    "cpu": ("cpu", _number),
    "iterations": ("iterations", _count),
    **_READER,
    "accepts": ("accepts", _accepted_words),
    "sites": ("sites", _texts),
}
_DEFAULTS: dict[str, tuple[str, Reader]] = {
    "taskSeconds": ("task_seconds", _seconds),
    "artifactBytes": ("artifact_bytes", _number),
    **_READER,
    "currency": ("currency", _currency),
}


def _dataset(words: tuple[str, ...], namespace: str) -> DatasetRef:
    return DatasetRef(*words) if len(words) > 1 else DatasetRef(namespace, words[0])


def _task_hint(entry: Entry, namespace: str) -> TaskHint:
    plain = {key: value for key, value in entry.items() if key not in {"accepts", "sites"}}
    return TaskHint(
        **plain,
        accepts=frozenset((_dataset(words[:-1], namespace), words[-1]) for words in entry.get("accepts", ())),
        sites=frozenset(entry["sites"]) if "sites" in entry else None,
    )
