"""The messages of ML Metadata's store that we speak, as a table; what we neither read nor write is left out.

`google.protobuf.Struct` and its values have this very form on the wire.
"""

from typing import Final

from moorage.messages import Field, Messages, build

SERVICE: Final = "ml_metadata.MetadataStoreService"

_MLMD: Final[Messages] = {
    "Struct": {"fields": Field(1, "map", of="StructField")},
    "StructField": {
        "null_value": Field(1, "int32"),
        "number_value": Field(2, "double"),
        "string_value": Field(3, "string"),
        "bool_value": Field(4, "bool"),
        "struct_value": Field(5, "Struct"),
        "list_value": Field(6, "StructList"),
    },
    "StructList": {"values": Field(1, "StructField", repeated=True)},
    "Value": {
        "int_value": Field(1, "int64"),
        "double_value": Field(2, "double"),
        "string_value": Field(3, "string"),
        "struct_value": Field(4, "Struct"),
    },
    "Artifact": {
        "id": Field(1, "int64"),
        "uri": Field(3, "string"),
        "properties": Field(4, "map", of="Value"),
        "custom_properties": Field(5, "map", of="Value"),
    },
    "Step": {"index": Field(1, "int64"), "key": Field(2, "string")},
    "Path": {"steps": Field(1, "Step", repeated=True)},
    "Event": {
        "artifact_id": Field(1, "int64"),
        "execution_id": Field(2, "int64"),
        "path": Field(3, "Path"),
        "type": Field(4, "int32"),
    },
    "Execution": {
        "id": Field(1, "int64"),
        "last_known_state": Field(3, "int32"),
        "custom_properties": Field(5, "map", of="Value"),
        "create_time_since_epoch": Field(8, "int64"),
        "last_update_time_since_epoch": Field(9, "int64"),
    },
    "Context": {"id": Field(1, "int64"), "name": Field(3, "string")},
    "ListOperationOptions": {"max_result_size": Field(1, "int32"), "next_page_token": Field(3, "string")},
    "GetContextByTypeAndNameRequest": {"type_name": Field(1, "string"), "context_name": Field(2, "string")},
    "GetContextByTypeAndNameResponse": {"context": Field(1, "Context")},
    "GetExecutionsByContextRequest": {"context_id": Field(1, "int64"), "options": Field(2, "ListOperationOptions")},
    "GetExecutionsByContextResponse": {
        "executions": Field(1, "Execution", repeated=True),
        "next_page_token": Field(2, "string"),
    },
    "GetEventsByExecutionIDsRequest": {"execution_ids": Field(1, "int64", repeated=True)},
    "GetEventsByExecutionIDsResponse": {"events": Field(1, "Event", repeated=True)},
    "GetArtifactsByIDRequest": {"artifact_ids": Field(1, "int64", repeated=True)},
    "GetArtifactsByIDResponse": {"artifacts": Field(1, "Artifact", repeated=True)},
}

MLMD: Final = build("ml_metadata", _MLMD, presence=True)
