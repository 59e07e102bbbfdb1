"""The messages of CSI v1 and of the kubelet's plugin registration v1 that we speak, as a table.

Names and numbers are those of the published protocols; what we neither read nor write is left out, which protobuf
permits: unknown fields are skipped. The table becomes real descriptors when this module is imported, so there is
neither a .proto file nor generated code to keep in step with the installed protobuf.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its number and its type.

    Attributes:
        number: on the wire.
        kind: `string`, `bool`, `int64`, `map` (of string to string), or a message of the same package.
        repeated: a list of it.
    """

    number: int
    kind: str
    repeated: bool = False


Messages = Mapping[str, Mapping[str, Field]]

_CSI: Final[Messages] = {
    # google.protobuf.BoolValue has this very form on the wire.
    "BoolValue": {"value": Field(1, "bool")},
    "GetPluginInfoRequest": {},
    "GetPluginInfoResponse": {"name": Field(1, "string"), "vendor_version": Field(2, "string")},
    "GetPluginCapabilitiesRequest": {},
    "GetPluginCapabilitiesResponse": {},
    "ProbeRequest": {},
    "ProbeResponse": {"ready": Field(1, "BoolValue")},
    "NodeGetCapabilitiesRequest": {},
    "NodeGetCapabilitiesResponse": {},
    "NodeGetInfoRequest": {},
    "NodeGetInfoResponse": {"node_id": Field(1, "string"), "max_volumes_per_node": Field(2, "int64")},
    "BlockVolume": {},
    "VolumeCapability": {"block": Field(1, "BlockVolume")},
    "NodePublishVolumeRequest": {
        "volume_id": Field(1, "string"),
        "target_path": Field(4, "string"),
        "volume_capability": Field(5, "VolumeCapability"),
        "readonly": Field(6, "bool"),
        "volume_context": Field(8, "map"),
    },
    "NodePublishVolumeResponse": {},
    "NodeUnpublishVolumeRequest": {"volume_id": Field(1, "string"), "target_path": Field(2, "string")},
    "NodeUnpublishVolumeResponse": {},
}

_REGISTRATION: Final[Messages] = {
    "InfoRequest": {},
    "PluginInfo": {
        "type": Field(1, "string"),
        "name": Field(2, "string"),
        "endpoint": Field(3, "string"),
        "supported_versions": Field(4, "string", repeated=True),
    },
    "RegistrationStatus": {"plugin_registered": Field(1, "bool"), "error": Field(2, "string")},
    "RegistrationStatusResponse": {},
}

_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
}


def _build(package: str, messages: Messages) -> dict[str, Any]:
    """Make a class for each message, in a pool of its own, so that nobody else's `csi.v1` can clash."""
    file = descriptor_pb2.FileDescriptorProto(name=f"moorage/{package}.proto", package=package, syntax="proto3")
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
    if field.kind in _SCALARS:
        added.type = _SCALARS[field.kind]
        return
    added.type = _Field.TYPE_MESSAGE
    if field.kind != "map":
        added.type_name = f".{package}.{field.kind}"
        return
    entry_name = "".join(part.capitalize() for part in name.split("_")) + "Entry"
    added.type_name = f".{package}.{message.name}.{entry_name}"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    for number, part in enumerate(("key", "value"), start=1):
        entry.field.add(name=part, number=number, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)


CSI: Final = _build("csi.v1", _CSI)
REGISTRATION: Final = _build("pluginregistration", _REGISTRATION)
