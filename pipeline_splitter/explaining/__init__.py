"""Infeasibility: an irreducible set of facts that leave no plan, and the single changes that would make one possible.

`facts` says what a refusal is made of, `feasibility` whether any choice of releases leaves a placement (a solver packs
the work into the quotas), `explaining` leaves out every fact that is not needed, `remedies` tries releases,
acceptances and clearances one by one.

Pure. It stands on `flow` and `solving`; nothing here knows a price.
"""

from pipeline_splitter.explaining.explaining import explain

__all__ = ["explain"]
