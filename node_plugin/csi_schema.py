"""The messages of CSI v1 and of the kubelet's plugin registration v1 that we speak, as a table.

What we neither read nor write is left out (`moorage.messages`).
"""

from typing import Final

from moorage.messages import Field, Messages, build

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
        "secrets": Field(7, "map"),
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

CSI: Final = build("csi.v1", _CSI)
REGISTRATION: Final = build("pluginregistration", _REGISTRATION)
