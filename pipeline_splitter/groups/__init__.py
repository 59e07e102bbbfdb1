"""Writes valid pipelines, one for each group of a plan: compiled KFP IR, schema 2.1.

`grouping` says which tasks are submitted together; `names` and `crossing` say what things are called across groups;
`releasing` puts inserted releases in front of their readers; `wiring` says what feeds an input; `units`, `channels` and
`references` say what changes inside of what moves as a whole; `making` makes the tasks that the pipeline has not;
`catalogue` holds one file's components, executors and platform entries; `flat` and `whole` are the two forms of a file.
Everything else is written as it was read.

What a group can't carry over: an artifact is imported by its URI, with the type, schema and metadata that its
component declares; metadata that a task writes at run time (the values of `system.Metrics`) stays where it was made.
`unsaid` says so for a plan.
"""

from pipeline_splitter.groups.writing import unsaid, write_groups

__all__ = ["unsaid", "write_groups"]
