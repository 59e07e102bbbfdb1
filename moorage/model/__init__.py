"""The vocabulary: frozen records that every room speaks. No behaviour beyond what a record can say of itself.

Units: bytes, seconds, bytes per second, currency, watts, grams of CO2-equivalent per kWh. A field that is absent in the
API is None here where absence has a meaning of its own ("any", "unlimited", "unknown").

    names       what the API, its objects and its pods go by
    governance  classification, rules, releases
    status      what the operator found
    dataset     a Dataset and its copies
    site        a Site and its links
    node        a Node and what its cache holds
    pod         a Pod, and which Datasets its labels name
"""

from moorage.model.dataset import (
    Dataset,
    DatasetRef,
    Revocation,
    Source,
)
from moorage.model.governance import (
    Classification,
    Component,
    Governance,
    Release,
)
from moorage.model.names import (
    API_VERSION,
    CLAIMED_CONDITION,
    CONFIDENTIAL_NODE_LABEL,
    CSI_DRIVER,
    DEFAULTS_LABEL,
    GROUP,
    MEMORY_ROOT,
    MEMORY_VARIABLE,
    MIRROR_ANNOTATION,
    MOST_DATASETS,
    MOUNT_ROOT,
    PURPOSE_LABEL,
    PURPOSES_ANNOTATION,
    SCHEDULER_NAME,
    SIDECAR_NAME,
    SITE_LABEL,
    SYSTEM_NAMESPACE,
    VERSION,
)
from moorage.model.node import (
    CachedDataset,
    Node,
    NodeCache,
    UnfilledDataset,
)
from moorage.model.pod import (
    DatasetUse,
    OnlyComponent,
    Pod,
    Reader,
    Usage,
    UseAs,
)
from moorage.model.site import (
    Link,
    Site,
)
from moorage.model.status import (
    Column,
    DatasetStatus,
    FoundFolder,
    Partitions,
    Snapshot,
    SourceStatus,
    partition_words,
)

__all__ = [
    "API_VERSION",
    "CLAIMED_CONDITION",
    "CONFIDENTIAL_NODE_LABEL",
    "CSI_DRIVER",
    "DEFAULTS_LABEL",
    "GROUP",
    "MEMORY_ROOT",
    "MEMORY_VARIABLE",
    "MIRROR_ANNOTATION",
    "MOST_DATASETS",
    "MOUNT_ROOT",
    "PURPOSES_ANNOTATION",
    "PURPOSE_LABEL",
    "SCHEDULER_NAME",
    "SIDECAR_NAME",
    "SITE_LABEL",
    "SYSTEM_NAMESPACE",
    "VERSION",
    "CachedDataset",
    "Classification",
    "Column",
    "Component",
    "Dataset",
    "DatasetRef",
    "DatasetStatus",
    "DatasetUse",
    "FoundFolder",
    "Governance",
    "Link",
    "Node",
    "NodeCache",
    "OnlyComponent",
    "Partitions",
    "Pod",
    "Reader",
    "Release",
    "Revocation",
    "Site",
    "Snapshot",
    "Source",
    "SourceStatus",
    "UnfilledDataset",
    "Usage",
    "UseAs",
    "partition_words",
]
