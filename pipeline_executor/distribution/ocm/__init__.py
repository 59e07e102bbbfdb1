"""Clusters by Open Cluster Management: a ManifestWork for each PipelineGroup, in the managed cluster's namespace.

The hub talks to its own API server only, and holds no credentials of any other cluster. A work agent there fetches the
works, makes the PipelineGroups, and writes back what the works' feedback rules ask for. Decision 0058 has the reasons.

    works    the ManifestWorks: what is asked, and what comes back (pure)
    cluster  one ManagedCluster
    engine   follows ManagedClusters and works
"""

from pipeline_executor.distribution.ocm.engine import OcmEngine

__all__ = ["OcmEngine"]
