"""Protobuf messages of other people's protocols, as tables of names and numbers.

Names and numbers are those of the published protocols; what we neither read nor write is left out, which protobuf
permits: unknown fields are skipped. A table becomes real descriptors when it is built, so there is neither a .proto
file nor generated code to keep in step with the installed protobuf.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its number and its type.

    Attributes:
        number: on the wire.
        kind: `string`, `bool`, `int32` (which any enum is on the wire), `int64`, `double`, `map`, or a message of the
            same package.
        repeated: a list of it.
        of: the values of a `map`, whose keys are strings.
    """

    number: int
    kind: str
    repeated: bool = False
    of: str = "string"


Messages: TypeAlias = Mapping[str, Mapping[str, Field]]

_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "double": _Field.TYPE_DOUBLE,
}


def build(package: str, messages: Messages, *, presence: bool = False) -> dict[str, Any]:
    """Make a class for each message, in a pool of its own, so that nobody else's package of that name can clash.

    Args:
        package: as the protocol calls it.
        messages: the table.
        presence: whether it can be told that a field was set to its default, as in proto2 and in each `oneof`.
    """
    syntax = "proto2" if presence else "proto3"
    file = descriptor_pb2.FileDescriptorProto(name=f"moorage/{package}.proto", package=package, syntax=syntax)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field_name, field in fields.items():
            _add_field(message, package, field_name, field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def _add_field(message: Any, package: str, name: str, field: Field) -> None:  # noqa: ANN401 - protobuf has no types
    repeated = field.repeated or field.kind == "map"
    added = message.field.add(
        name=name, number=field.number, label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    )
    if field.kind != "map":
        _set_type(added, package, field.kind)
        return
    entry_name = "".join(part.capitalize() for part in name.split("_")) + "Entry"
    added.type = _Field.TYPE_MESSAGE
    added.type_name = f".{package}.{message.name}.{entry_name}"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    for number, (part, kind) in enumerate((("key", "string"), ("value", field.of)), start=1):
        _set_type(entry.field.add(name=part, number=number, label=_Field.LABEL_OPTIONAL), package, kind)


def _set_type(added: Any, package: str, kind: str) -> None:  # noqa: ANN401
    if kind in _SCALARS:
        added.type = _SCALARS[kind]
    else:
        added.type = _Field.TYPE_MESSAGE
        added.type_name = f".{package}.{kind}"
