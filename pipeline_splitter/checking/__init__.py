"""Recomputes everything that a plan says, from the input files, with code of its own.

Naive on purpose: each module is the definition written down, without the planner's arrays, orders and short cuts. What
is shared is what reads files, the one policy engine, the sites, and the records. Nothing of solving, costing, flow,
explaining, groups, report or planning may be imported here.

`rewiring` puts the plan's releases into the graph, `assuming` says what of it is a default, `carrying` lets governance
flow, `handing` holds against it what tasks are given, `charging` says what moves and what that costs, `schedules` when,
`elsewhere` what other sites would cost, `submitting` the groups, `pipelines` their files (`files` says what stands
where in one, `running` what tasks run, `labelling` what their pods' labels mean, `feeding` what feeds them),
`certifying` the bound.

`impossible` looks at why nothing can be planned: `saying` reads facts, `searching` goes through choices of releases
(`branches`), `cases` and `packing` tell whether one leaves a placement, `mending` and `remedying` try remedies, and
`efforts` counts how much they look at. `checking` asks all of these.

Pure: texts in, findings out.
"""

from pipeline_splitter.checking.checking import check, examine
from pipeline_splitter.checking.findings import CheckInputs, Finding, Verdict

__all__ = ["CheckInputs", "Finding", "Verdict", "check", "examine"]
