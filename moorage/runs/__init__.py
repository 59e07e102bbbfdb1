"""Runs of pipelines across clusters: names, paths, phases and records that hub, spoke and command line share. Pure.

    phases     the words for how far runs, groups and tasks are, and which of them are final
    names      a run's identity, and what its objects are called in a site's artifact store and in a cluster
    records    what these objects hold: manifests, values, how a task ended
    sites      the sites that a Secret or a ManagedCluster leads to, from its annotation
    measurements  what earlier runs took, as hints for the next plan
    pipelines  StretchedPipeline and PipelineGroup as records (`moorage.wire` reads and writes them)

docs/runs.md describes the layout of the store and each field.
"""

from moorage.runs.names import RunKeys, RunRef, group_name
from moorage.runs.phases import GroupPhase, RunPhase, TaskPhase, read_phase
from moorage.runs.pipelines import (
    ExportSpec,
    GroupSpec,
    ImportSpec,
    PipelineGroup,
    PipelineSource,
    StretchedPipeline,
)
from moorage.runs.records import FileEntry, Manifest, TaskEnd, TaskOutputs, Value, manifest_digest

__all__ = [
    "ExportSpec",
    "FileEntry",
    "GroupPhase",
    "GroupSpec",
    "ImportSpec",
    "Manifest",
    "PipelineGroup",
    "PipelineSource",
    "RunKeys",
    "RunPhase",
    "RunRef",
    "StretchedPipeline",
    "TaskEnd",
    "TaskOutputs",
    "TaskPhase",
    "Value",
    "group_name",
    "manifest_digest",
    "read_phase",
]
