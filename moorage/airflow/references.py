"""References that stand for objects in Airflow's database, and the names of those objects."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

MARK: Final = "moorage.memory"
PREFIX: Final = "airflow-"
_MOST_SHOWN: Final = 40
_MOST_TEXT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The coordinates of one XCom, which name it in Airflow."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    key: str

    @property
    def object_name(self) -> str:
        """One name for each XCom: begins readably, ends with a digest of all of them, and fits whatever they are."""
        digest = hashlib.sha256(json.dumps([*asdict(self).values()]).encode()).hexdigest()[:32]
        shown = (re.sub(r"[^A-Za-z0-9_]+", "_", part)[:_MOST_SHOWN] for part in (self.dag_id, self.task_id, self.key))
        return f"{PREFIX}{'-'.join(shown)}-{digest}"

    def __str__(self) -> str:
        mapped = f", map index {self.map_index}" if self.map_index >= 0 else ""
        return f"XCom {self.key!r} of task {self.dag_id}.{self.task_id} (run {self.run_id}{mapped})"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to an object's place.

    Attributes:
        name: the name of the object.
        form: `object`, or `json`: what Airflow would have kept in the database.
        type: the type of the value, for people.
        size_bytes: likewise.
        host: likewise: that has it in memory.
        directory: likewise: where it lies there.
    """

    name: str
    form: str
    type: str
    size_bytes: int
    host: str
    directory: str

    def encoded(self) -> dict[str, Any]:
        """Encode the reference as JSON for the database."""
        return {MARK: asdict(self)}

    @classmethod
    def read(cls, value: object) -> Self | None:
        """Read a reference from the database, or None where the value is no reference.

        Nothing in it is believed: a name leads to objects of this backend alone, what is for people is cut short.
        """
        if not is_like_one(value):
            return None
        fields = value[MARK] if isinstance(value, dict) else None
        if not isinstance(fields, dict) or fields.keys() != set(cls.__slots__):
            return None
        texts = {name: fields[name] for name in cls.__slots__ if name != "size_bytes"}
        if not all(isinstance(text, str) and len(text) <= _MOST_TEXT for text in texts.values()):
            return None
        if not fields["name"].startswith(PREFIX) or type(fields["size_bytes"]) is not int:
            return None
        return cls(**fields)


def is_like_one(value: object) -> bool:
    """Return whether a value looks like a reference; a task's own value that does is kept as an object."""
    return isinstance(value, dict) and MARK in value
