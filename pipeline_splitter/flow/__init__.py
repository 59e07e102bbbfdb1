"""Governance along the edges: where tasks may be, and which releases help.

`carrying` lets maps of rules flow from step to step; `permitting` asks the policy engine, once for each distinct map,
reader and site. `releases` finds where a declared release may be inserted, `inserting` puts chosen ones into the graph,
`relaxing` makes a graph of a choice that is only half made, and `choices` searches over all of them.

Pure. Nothing here knows a price; whoever searches passes a solver in.
"""

from pipeline_splitter.flow.carrying import Flow, carry
from pipeline_splitter.flow.choices import Answer, Leaf, Searched, best_over_choices
from pipeline_splitter.flow.inserting import insert
from pipeline_splitter.flow.permitting import Permits, permit, pin_warnings
from pipeline_splitter.flow.relaxing import Choice, choose
from pipeline_splitter.flow.releases import Artifact, Candidate, release_candidates

__all__ = [
    "Answer",
    "Artifact",
    "Candidate",
    "Choice",
    "Flow",
    "Leaf",
    "Permits",
    "Searched",
    "best_over_choices",
    "carry",
    "choose",
    "insert",
    "permit",
    "pin_warnings",
    "release_candidates",
]
