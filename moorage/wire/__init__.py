"""The only reader and writer of raw Kubernetes dictionaries: CRDs, pods, namespaces, nodes.

Readers return records of `moorage.model` or raise InputError with the object, the field and the remedy. They are
strict: a field they do not know is an error, because an unknown rule must never be taken for "no rule".
"""

from moorage.reading.quantity import format_memory, parse_quantity
from moorage.wire.dataset import read_dataset, read_dataset_status, write_dataset_spec
from moorage.wire.histories import read_history, write_history_spec
from moorage.wire.node import read_node, read_node_cache, write_node_cache
from moorage.wire.pod import (
    looks_like_dataset_label,
    read_namespace_purposes,
    read_only_component,
    read_pod,
    read_usage,
)
from moorage.wire.runs import (
    read_pipeline_group,
    read_stretched_pipeline,
    write_pipeline_group_spec,
    write_stretched_pipeline_spec,
)
from moorage.wire.site import read_site, write_site_spec

__all__ = [
    "format_memory",
    "looks_like_dataset_label",
    "parse_quantity",
    "read_dataset",
    "read_dataset_status",
    "read_history",
    "read_namespace_purposes",
    "read_node",
    "read_node_cache",
    "read_only_component",
    "read_pipeline_group",
    "read_pod",
    "read_site",
    "read_stretched_pipeline",
    "read_usage",
    "write_dataset_spec",
    "write_history_spec",
    "write_node_cache",
    "write_pipeline_group_spec",
    "write_site_spec",
    "write_stretched_pipeline_spec",
]
