"""Recomputes everything that a plan says, from the input files, with code of its own.

Naive on purpose: each module is the definition written down, without the planner's arrays, orders and short cuts. What
is shared is what reads files, the one policy engine, the sites, and the records. Nothing of solving, costing, flow,
explaining, groups, report or planning may be imported here.

`phases` asks everything in turn, from files to `findings`. The folders say what is checked:

- `definition`: what all of them apply. `governance` along the edges, `costs`, the `schedule`, `blocks`, the times of
  `units`, the
  `insertions` of releases and the `choices` of them.
- `plans`: `assumptions`, `alternatives`, `objectives`, and `handovers` (whoever is handed data has read them).
- `groups`: `membership`; of their files the `pipelines`, where things stand (`files`), the `components` that run, the
  pods' `labels`, and the `inputs` that feed tasks.
- `bounds`: the `proof` in bound.json, and one `certificate` of it.
- `impossible`: the `explanation`, by its `facts`; a `search` through choices of releases, whose `cases` and `packing`
  tell whether one leaves a placement, within an `effort`; the `remedies`, single `changes` of the inputs.

Pure: texts in, findings out.
"""

from pipeline_splitter.checking.findings import CheckInputs, Finding, Verdict
from pipeline_splitter.checking.phases import check, examine

__all__ = ["CheckInputs", "Finding", "Verdict", "check", "examine"]
