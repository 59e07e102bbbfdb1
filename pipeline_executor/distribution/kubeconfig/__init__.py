"""Clusters by kubeconfig: a Secret of the hub's system namespace leads to each.

secrets  what such a Secret says (pure)
engine   follows the Secrets, and the clusters that they lead to
"""

from pipeline_executor.distribution.kubeconfig.engine import KubeconfigEngine

__all__ = ["KubeconfigEngine"]
