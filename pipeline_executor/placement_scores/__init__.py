"""How near each Dataset is to each managed cluster, for Open Cluster Management's own placements.

The hub writes an AddOnPlacementScore into the namespace of each ManagedCluster that names sites. A Placement names it,
and the Dataset, among its prioritizers. Nothing here knows a run. Decision 0065 has the reasons.

    scores   the scores, and the objects that hold them (pure)
    writing  follows ManagedClusters and what was written, and makes it right
"""

from pipeline_executor.placement_scores.writing import PlacementScores

__all__ = ["PlacementScores"]
