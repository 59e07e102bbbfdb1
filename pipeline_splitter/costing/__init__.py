"""Costs of a placement: the solver's arrays, the charge of a finished plan, and marginal costs of moves.

`basis` gathers once what every cost is computed from: `tables` and `rates` turn the graph and the inventory into
arrays, `sources` chooses the copy that a dataset comes from. `building` makes of it what a solver is asked. `charging`
and `schedule` say what a finished placement costs, by the definition; `alternatives` and `reasons` say what moving one
task would change, and why it is where it is; `assuming`, what of it all nobody stated.

Pure, and without a solver: a figure here never depends on how the placement was found.
"""

from pipeline_splitter.costing.alternatives import alternatives
from pipeline_splitter.costing.assuming import assumptions
from pipeline_splitter.costing.basis import Basis, Terms, gather
from pipeline_splitter.costing.building import build_problem, build_time_problem
from pipeline_splitter.costing.charging import Charged, charge
from pipeline_splitter.costing.reasons import reasons

__all__ = [
    "Basis",
    "Charged",
    "Terms",
    "alternatives",
    "assumptions",
    "build_problem",
    "build_time_problem",
    "charge",
    "gather",
    "reasons",
]
