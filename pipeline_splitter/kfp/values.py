"""Provenance of a value: where it comes from, seen from the plan (sources) and from governance (steps)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_splitter.kfp.pipeline import Absent, Binding, Constant, Raw, Several, Source, TaskOutput

_MENTION = re.compile(r"""\{\{\$\.inputs\.parameters\[\s*(?:'([^']*)'|"([^"]*)")\s*\]\}\}""")
_NO_MENTIONS: Mapping[str, "Value"] = {}


@dataclass(frozen=True, slots=True)
class Part:
    """One of the places that a value comes from.

    Attributes:
        source: as whoever writes the pipeline down needs it; None for what is made inside of a unit.
        steps: (step, output) that write it: several where branches or a list meet.
    """

    source: Source | None
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter or an artifact on its way.

    Attributes:
        parts: none: it is absent.
        selectors: expressions applied on the way, in order.
        mentions: what the inputs are that the constant mentions, by their names in it.
        through: name of the unit's own input that it came in by; None where it did not.
        mention_weight: how many parts all its mentions have, theirs included; known without looking at each.
    """

    parts: tuple[Part, ...] = ()
    selectors: tuple[str, ...] = ()
    mentions: Mapping[str, "Value"] = field(default_factory=lambda: _NO_MENTIONS)
    through: str | None = None
    mention_weight: int = 0

    @property
    def weight(self) -> int:
        """The number of places it comes from, each as often as it is reached."""
        return len(self.parts) + sum(len(part.steps) for part in self.parts) + self.mention_weight

    def steps(self) -> Iterator[tuple[str, str]]:
        """Yield every (step, output) that has a share in it."""
        for part in self.parts:
            yield from part.steps
        for value in self.mentions.values():
            yield from value.steps()

    def task_outputs(self) -> Iterator[tuple[str, TaskOutput]]:
        """Yield every entry's output in it, with the name of the input that a mention stands for ("" for itself)."""
        for part in self.parts:
            if isinstance(part.source, TaskOutput):
                yield "", part.source
        for name, value in self.mentions.items():
            for inner, output in value.task_outputs():
                yield inner or name, output

    def constant(self) -> Any:  # noqa: ANN401 - raw JSON
        """Return the value itself where it stands in the pipeline and nothing is selected of it; else None."""
        if len(self.parts) == 1 and not self.selectors and isinstance(self.parts[0].source, Constant):
            return self.parts[0].source.value
        return None

    def binding(self, raw: Raw | None, *, own: bool = False) -> Binding:
        """Return the binding for the writer.

        Args:
            raw: how the entry's own task spec writes it.
            own: whether it is a constant of the entry's own task, whose placeholders mean its own inputs.
        """
        sources = [part.source for part in self.parts if part.source is not None]
        source: Source
        if not sources:
            source = Absent()
        elif len(sources) == 1:
            source = sources[0]
        else:
            source = Several(tuple(each for each in sources if isinstance(each, TaskOutput)))
        mentions = {} if own else {name: value.binding(None) for name, value in self.mentions.items()}
        return Binding(source, self.selectors, raw, mentions)

    @property
    def comes_from_outside(self) -> bool:
        """Whether anything in it is made outside of the unit that it is looked at in."""
        return any(part.source is not None for part in self.parts)


def mentioned(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - raw JSON
    """Return names of the inputs that a constant's placeholders mean, sorted."""
    if value is None or isinstance(value, bool | int | float):
        return ()
    text = value if isinstance(value, str) else str(value)
    if "{{" not in text:
        return ()
    # A name inside a mapping or a list is escaped by `str`.
    return tuple(sorted({match[1] or match[2] or "" for match in _MENTION.finditer(text.replace("\\'", "'"))}))


def fill_in(text: str, values: Mapping[str, str | None]) -> str | None:
    """Return a constant with its placeholders replaced; None where one of them is known to the run only."""
    for name in mentioned(text):
        if values.get(name) is None:
            return None
    filled = _MENTION.sub(lambda match: values[match[1] or match[2] or ""] or "", text)
    return None if "{{" in filled else filled
