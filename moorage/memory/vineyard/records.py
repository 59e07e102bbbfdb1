"""What the daemon is told about an object, and what is believed of it: no more than what has the form that we wrote."""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from moorage.memory.space import MOST_NAME_BYTES
from moorage.memory.vineyard.daemon import is_absent
from moorage.memory.vineyard.leases import token_of

OBJECT: Final = "moorage::Object"
UNFINISHED: Final = "moorage::Unfinished"
_NAMES: Final = "moorage:"
_ID: Final = re.compile(r"o[0-9a-f]{16}", re.ASCII)
_ALL: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Record:
    """Of an object, or of one that is being written.

    Attributes:
        id: of the record itself, as vineyard has it: compared by its text, as vineyard compares it with nothing else.
        key: the object's name, quoted.
        blob: the text of the id of its memory.
        token: who has a lease on it uses the object.
        put_seconds: since the epoch.
    """

    id: Any
    key: str
    blob: str
    token: int
    put_seconds: float

    @classmethod
    def read(cls, found: Any, kind: str) -> Self | None:  # noqa: ANN401 - vineyard's metadata
        """What a record says; None: it is none of ours."""
        if found.typename != kind:
            return None
        key, blob, token = found.get("moorage_key"), found.get("moorage_blob"), token_of(found.get("moorage_token"))
        if not isinstance(key, str) or len(key) > MOST_NAME_BYTES or token is None:
            return None
        if not isinstance(blob, str) or not _ID.fullmatch(blob):
            return None
        return cls(found.id, key, blob, token, found.timestamp / 1000)


def unfinished(vineyard: Any, blob_id: object, key: str, token: int) -> Any:  # noqa: ANN401 - vineyard's metadata
    """A record of memory that is about to be filled."""
    return _record(vineyard, UNFINISHED, blob_id, key, token)


def finished(vineyard: Any, blob: Any, key: str, token: int) -> Any:  # noqa: ANN401 - vineyard's metadata
    """A record of an object. The memory is its member, and goes when it is deleted."""
    made = _record(vineyard, OBJECT, blob.id, key, token)
    made.add_member("content", blob)
    return made


def of(client: Any, object_id: object) -> Record | None:  # noqa: ANN401 - vineyard's client
    """The record of an object; None: it is gone, or none of ours."""
    try:
        return Record.read(client.get_meta(object_id), OBJECT)
    except RuntimeError as error:
        if is_absent(error):
            return None
        raise


def all_of(client: Any, kind: str) -> list[Record]:  # noqa: ANN401 - vineyard's client
    """All records of a kind."""
    listed = client.list_metadatas(kind, False, _ALL, nobuffer=True)  # noqa: FBT003 - vineyard's own: no regex
    return [record for each in listed if (record := Record.read(each, kind)) is not None]


def name_of(key: str) -> str:
    """What the daemon has as an object's name."""
    return _NAMES + key


def named(client: Any, key: str) -> Any:  # noqa: ANN401 - vineyard's client
    """The id of what has that name; None: nothing has."""
    try:
        return client.get_name(name_of(key))
    except RuntimeError as error:
        if is_absent(error):
            return None
        raise


def names(client: Any) -> dict[str, Any]:  # noqa: ANN401 - vineyard's client
    """All names, quoted, and the id of what each stands for."""
    listed = client.list_names(f"{_NAMES}*", False, _ALL)  # noqa: FBT003 - vineyard's own: no regex
    return {name.removeprefix(_NAMES): found for name, found in listed.items() if name.startswith(_NAMES)}


def _record(vineyard: Any, kind: str, blob_id: object, key: str, token: int) -> Any:  # noqa: ANN401
    made = vineyard.ObjectMeta()
    made["typename"], made["nbytes"] = kind, 0
    made["moorage_key"], made["moorage_blob"], made["moorage_token"] = key, repr(blob_id), str(token)
    return made
