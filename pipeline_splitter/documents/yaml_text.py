"""YAML text to values, built from the parser's events: nothing is constructed, and nothing is built past the limits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml.constructor import SafeConstructor

from moorage.errors import InputError
from pipeline_splitter.documents.limits import (
    LONE_SURROGATE,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    MAX_YAML_NODES,
    NOT_A_NUMBER,
    TOO_DEEP,
    TOO_LARGE_NUMBER,
    fail,
    has_lone_surrogate,
    place,
)
from pipeline_splitter.documents.shown import shortened, shown

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
_TAG = "tag:yaml.org,2002:"
_STRING, _NULL, _MAPPING, _SEQUENCE, _MERGE = (f"{_TAG}{name}" for name in ("str", "null", "map", "seq", "merge"))
_KEPT_AS_TEXT = {_STRING, _MERGE, f"{_TAG}timestamp", f"{_TAG}value"}
_CONSTRUCTORS: dict[str, Any] = {
    f"{_TAG}int": SafeConstructor.construct_yaml_int,
    f"{_TAG}float": SafeConstructor.construct_yaml_float,
    f"{_TAG}bool": SafeConstructor.construct_yaml_bool,
}
_CONSTRUCTOR = SafeConstructor()


def parse_yaml(text: str, subject: str) -> list[Any]:
    """Read all documents of a YAML text; empty ones are left out.

    Raises:
        InputError: with line and column, and the remedy.
    """
    try:
        return read_yaml(text, subject)
    except yaml.reader.ReaderError as error:
        line, column = place(text, error.position)
        fail(subject, line, column, f"is not a character that YAML permits ({error.reason}): is this a text file?")
    except yaml.MarkedYAMLError as error:
        problem = " ".join(part for part in (error.context, error.problem) if part)
        line, column = _place_of(error.problem_mark or error.context_mark)
        fail(subject, line, column, f"is not YAML ({problem}): correct it, or write the file again")


def read_yaml(text: str, subject: str) -> list[Any]:
    """Read as `parse_yaml` does, for callers with another reading of what is not YAML.

    Raises:
        InputError: it is YAML, but not of the kind that we read.
        yaml.YAMLError: it is not YAML.
    """
    if has_lone_surrogate(text):
        raise InputError(subject, "text", LONE_SURROGATE)
    builder = _Builder(subject)
    builder.take(yaml.parse(text, Loader=_LOADER))
    return builder.documents


@dataclass(frozen=True, slots=True)
class _Anchored:
    """The value of an anchor, with its size once expanded. `height`: collections above one another in it."""

    value: Any
    nodes: int
    characters: int
    height: int


@dataclass(slots=True)
class _Open:
    """A collection whose end was not seen yet. `key` is the one whose value comes next."""

    start: yaml.CollectionStartEvent
    value: Any
    nodes_before: int
    characters_before: int
    key: str | None = None
    merges: bool = False
    merged: list[dict[str, Any]] = field(default_factory=list)
    height: int = 1


@dataclass(slots=True)
class _Builder:
    """A builder of values from events, with limits; aliases are copied, and count, as often as they stand."""

    subject: str
    documents: list[Any] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    nodes: int = 0
    characters: int = 0

    def take(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self.anchors.clear()

    def _fail(self, event: yaml.Event, problem: str) -> NoReturn:
        line, column = _place_of(event.start_mark)
        fail(self.subject, line, column, problem)

    def _count(self, event: yaml.Event, nodes: int, characters: int) -> None:
        self.nodes += nodes
        self.characters += characters
        if self.nodes > MAX_YAML_NODES or self.characters > MAX_BYTES:
            self._fail(
                event,
                f"the text has grown beyond {MAX_YAML_NODES} values or {MAX_BYTES >> 20} MiB here, aliases expanded: "
                "that is not a pipeline; leave data and aliases out, or write it as JSON",
            )

    def _expects_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].key is None and self.stack[-1].value.__class__ is dict

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        self._count(event, 1, len(text))
        if self._expects_key():
            value: Any = text
            self._key(event, text)
        else:
            value = self._plain(event, text)
            self._add(event, value, 0)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, 1, len(text), 0)

    def _key(self, event: yaml.ScalarEvent, text: str) -> None:
        parent = self.stack[-1]
        if text in parent.value or (parent.merged and text == "<<"):
            self._fail(event, f"key {shown(text)} appears twice: keep one of them")
        if event.tag not in {None, "!", _STRING} and not event.implicit[0]:
            self._fail(event, f"a key can't have the tag {shortened(str(event.tag))}: leave the tag out")
        parent.key = text
        parent.merges = text == "<<" and event.implicit[0]

    def _plain(self, event: yaml.ScalarEvent, text: str) -> Any:  # noqa: ANN401 - a JSON scalar
        """Return a scalar's value: by its tag, else, where it is not quoted, by its form."""
        tag: str = event.tag or "!"
        if tag == "!":
            tag = _implied_tag(text) if event.implicit[0] else _STRING
        if tag in _KEPT_AS_TEXT:
            return text
        if tag == _NULL:
            return None
        construct = _CONSTRUCTORS.get(tag)
        if construct is None:
            self._fail(
                event, f"the tag {shortened(tag)} is not permitted: write plain strings, numbers, lists and mappings"
            )
        if len(text) > MAX_NUMBER_LENGTH:
            self._fail(event, TOO_LARGE_NUMBER)
        try:
            value = construct(_CONSTRUCTOR, yaml.ScalarNode(tag, text))
            finite = math.isfinite(value)
        except OverflowError:
            self._fail(event, TOO_LARGE_NUMBER)
        except (ValueError, KeyError, IndexError):
            self._fail(event, f"{shown(text)} can't be read as {tag.removeprefix(_TAG)}: correct it, or quote it")
        if not finite:
            self._fail(event, NOT_A_NUMBER)
        return value

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        self._count(event, 1, 0)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in {None, "!", _MAPPING if is_mapping else _SEQUENCE}:
            self._fail(event, f"the tag {shortened(str(event.tag))} is not permitted: write plain lists and mappings")
        if self._expects_key():
            self._fail(event, "a key must be a string: quote what begins with a bracket or a brace")
        if len(self.stack) == MAX_DEPTH:
            self._fail(event, TOO_DEEP)
        self.stack.append(_Open(event, {} if is_mapping else [], self.nodes - 1, self.characters))

    def _end(self) -> None:
        closed = self.stack.pop()
        value = closed.value
        if closed.merged:
            value = {}
            for mapping in closed.merged:
                value |= mapping
            value |= closed.value
        if closed.start.anchor is not None:
            self.anchors[closed.start.anchor] = _Anchored(
                value, self.nodes - closed.nodes_before, self.characters - closed.characters_before, closed.height
            )
        self._add(closed.start, value, closed.height)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = shortened(str(event.anchor))
        if any(entry.start.anchor == event.anchor for entry in self.stack):
            self._fail(event, f"the alias *{name} is inside of what it repeats: write it out")
        anchored = self.anchors.get(str(event.anchor))
        if anchored is None:
            self._fail(
                event,
                f"nothing before it has the anchor &{name}: add it, or write the value out",
            )
        if self._expects_key():
            self._fail(event, f"an alias can't be a key: write *{name} out")
        if len(self.stack) + anchored.height > MAX_DEPTH:
            self._fail(event, TOO_DEEP)
        self._count(event, anchored.nodes, anchored.characters)
        self._add(event, _copied(anchored.value), anchored.height)

    def _add(self, event: yaml.Event, value: Any, height: int) -> None:  # noqa: ANN401 - any JSON value
        """Put a finished value where it belongs."""
        if not self.stack:
            if value is not None:
                self.documents.append(value)
            return
        parent = self.stack[-1]
        parent.height = max(parent.height, height + 1)
        if parent.key is None:
            parent.value.append(value)
        elif parent.merges:
            # The first of several mappings prevails.
            parent.merged += reversed(value) if isinstance(value, list) else [value]
            if not parent.merged or not all(isinstance(mapping, dict) for mapping in parent.merged):
                self._fail(event, "<< takes a mapping, or a list of them")
            parent.key = None
        else:
            parent.value[parent.key] = value
            parent.key = None


def _place_of(mark: Any) -> tuple[int, int]:  # noqa: ANN401 - both of yaml's kinds of mark, or None
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _implied_tag(text: str) -> str:
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return _STRING


def _copied(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
