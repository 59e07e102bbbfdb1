"""Splits a pipeline across sites: a compiled pipeline in, a plan with a proven bound and one pipeline per group out.

Reading (`kfp`, `wfformat`, `documents`, `inputs`, `hints`) makes a `graph.Graph`; `flow` says where each task may run;
`costing` makes a `problem.Problem` of it; `solving` answers; `grouping`, `groups` and `report` write it down;
`checking` recomputes it with code of its own.

Pure: text and records in, text and records out. No clients, files, subprocesses, environment or clock; whoever sets a
time limit passes a clock.
"""
