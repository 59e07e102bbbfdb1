"""The XCom backend: what Airflow calls when a task hands on a value, gets one, or is run again."""

import functools
import json
import socket
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.configuration import conf

from moorage.airflow.deciding import Keep, keep
from moorage.airflow.references import PREFIX, Coordinates, Reference, is_like_one
from moorage.errors import MoorageError

if TYPE_CHECKING:
    from moorage.memory import MemoryStore

SECTION: Final = "moorage"
THRESHOLD_BYTES: Final = 48 << 10
KEEP_HOURS: Final = 7 * 24.0
# The errors by which Airflow refuses a value: no serializer, too deep, a key of its own.
_UNKEPT: Final = (TypeError, ValueError, RecursionError, AttributeError)


class XComError(MoorageError):
    """A value can't be kept in memory, or is not there any more."""


class MemoryXCom(BaseXCom):
    """The XCom backend: `AIRFLOW__CORE__XCOM_BACKEND=moorage.airflow.MemoryXCom`.

    The section `moorage` of Airflow's settings may say:

    xcom_threshold_bytes: what Airflow's own form of a value may have, to be kept in the database; 48 KiB.
    xcom_keep_hours: objects older than that are deleted when a task of this node hands on another; a week. 0: never.
    xcom_trust_writers: whether pickles are loaded from a directory that others may write to, too; they are not.
    """

    @staticmethod
    def serialize_value(  # noqa: PLR0913 - Airflow's own
        value: Any,  # noqa: ANN401 - whatever a task returns
        *,
        key: str | None = None,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Serialize a value for the database: as Airflow does, or as a reference to an object in memory.

        Raises:
            XComError: it can't be kept.
        """
        where = Coordinates(
            dag_id or "", run_id or "", task_id or "", -1 if map_index is None else map_index, key or ""
        )
        if is_like_one(value) or keep(value) is Keep.AS_OBJECT:
            return _put(where, value, "object", value)
        try:
            form = BaseXCom.serialize_value(value)
            text = json.dumps(form)
        except _UNKEPT:
            return _put(where, value, "object", value)
        if len(text) <= conf.getint(SECTION, "xcom_threshold_bytes", fallback=THRESHOLD_BYTES):
            return form
        return _put(where, value, "json", _as_array(text))

    @staticmethod
    def deserialize_value(result: Any) -> Any:  # noqa: ANN401 - whatever has a `value`
        """Return the value, which may be changed: what lies in memory stays as it is.

        Raises:
            XComError: it is not in this node's memory.
        """
        reference = Reference.read(result.value)
        if reference is None:
            return BaseXCom.deserialize_value(result)
        store = _store()
        trust = store.is_private() or conf.getboolean(SECTION, "xcom_trust_writers", fallback=False)
        try:
            found = store.get(reference.name, trust=trust, writable=True)
        except MoorageError as error:
            raise XComError(_absent(reference, error)) from None
        if reference.form != "json":
            return found
        return BaseXCom.deserialize_value(_Value(json.loads(found.tobytes())))

    @classmethod
    def purge(cls, xcom: Any, *args: object) -> None:  # noqa: ANN401 - whatever has a `value`
        """Delete the object of an XCom that is deleted."""
        del args
        if (reference := Reference.read(xcom.value)) is not None:
            _store().delete(reference.name)


class _Value:
    def __init__(self, value: object) -> None:
        self.value = value


@functools.cache
def _store() -> "MemoryStore":
    # Not before it is needed: most tasks hand on small values, and pyarrow takes its time to import.
    from moorage.memory import MemoryStore, default_place  # noqa: PLC0415

    return MemoryStore(default_place())


def _as_array(text: str) -> Any:  # noqa: ANN401 - an array
    import numpy as np  # noqa: PLC0415 - as above

    return np.frombuffer(text.encode(), dtype=np.uint8)


def _put(where: Coordinates, value: object, form: str, kept: object) -> dict[str, Any]:
    store = _store()
    if keep_hours := conf.getfloat(SECTION, "xcom_keep_hours", fallback=KEEP_HOURS):
        store.delete_older(PREFIX, keep_hours * 3600)
    try:
        size_bytes = store.put(where.object_name, kept)
    except MoorageError as error:
        raise XComError(f"{where}: {error}") from None
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")[:200]
    host, directory = socket.gethostname(), store.place
    return Reference(where.object_name, form, name, size_bytes, host, directory).encoded()


def _absent(reference: Reference, error: MoorageError) -> str:
    what = f"the XCom ({reference.type}, {reference.size_bytes:,} bytes)"
    where = f"was put at {reference.directory} on host {reference.host}, and this task runs on {socket.gethostname()}"
    remedy = "run both on one node, with one directory in MOORAGE_MEMORY, or clear the task that made it"
    return f"{error}; {what} {where}: {remedy}"
