"""Where claims lead, asked of the cluster by whoever hands that out: broker, webhook, operator.

A claim is a tenant's, and so may be a status. What counts is the cluster-scoped object that the platform bound to the
claim, and only where it names the claim as its owner; `moorage.sources.claimed` decides, here it is asked.

    table    which objects a kind of claim is of
    prover   asks for them, briefly remembered
"""

from moorage.proving.prover import Proven, Prover

__all__ = ["Proven", "Prover"]
