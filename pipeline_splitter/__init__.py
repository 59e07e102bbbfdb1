"""Splits a pipeline across sites: a compiled pipeline in, a plan with a proven bound and one pipeline per group out.

The records lie at the bottom: `graph` (tasks, data, steps), `plan` (the answer), `problem` (the solver's arrays) and
`hints`. Reading (`documents`, `kfp`, `wfformat`, `inputs`, `reading_hints`) makes a `Graph`; then `flow` says where
each task may run, `costing` makes a `Problem` of it, and `solving` answers: none of the three imports another. `groups`
and `report` write the plan down, `explaining` says why there is none, and `checking` recomputes all of it with code of
its own. `planning` is the only one that knows them all. The import contracts in pyproject.toml hold these layers.

Pure: text and records in, text and records out. No clients, files, subprocesses, environment or clock; whoever sets a
time limit passes a clock.
"""
