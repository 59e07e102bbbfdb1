"""The hub's way to other clusters: PipelineGroups out, what their spokes say of them back.

Nothing here decides about a run. An engine knows one kind of way to clusters; the hub knows none of them, and asks
`SiteClusters` which cluster is a site's.

    clusters       the interface: what the hub asks of a cluster, and what an engine must give
    seen           a PipelineGroup as the hub sees it, status included (pure)
    heartbeats     whether a spoke is alive, from the Lease that it renews (pure)
    connected      one cluster behind a client: informers, and how long it has been out of sight
    kubeconfig     engine: a Secret with a kubeconfig for each cluster
    ocm            engine: a ManifestWork of Open Cluster Management for each PipelineGroup
    engines        the table of engines
    site_clusters  joins the hub's own cluster and what its engines lead to
"""

from pipeline_executor.distribution.clusters import Cluster, Distribution, Sight
from pipeline_executor.distribution.engines import parse_engines
from pipeline_executor.distribution.seen import Brought, SeenGroup, SeenTask
from pipeline_executor.distribution.site_clusters import SiteClusters

__all__ = ["Brought", "Cluster", "Distribution", "SeenGroup", "SeenTask", "Sight", "SiteClusters", "parse_engines"]
