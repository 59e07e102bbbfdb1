"""Keeps a PersistentVolumeClaim for each Dataset with `spec.claim`, and the volume that it is bound to.

deciding    what is to be done next for one Dataset: pure
keeper      follows claims and volumes, does it, and remembers how it went
"""

from dataset_operator.claims.deciding import Desired
from dataset_operator.claims.keeper import ClaimKeeper

__all__ = ["ClaimKeeper", "Desired"]
