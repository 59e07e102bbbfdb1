"""Recorded workflows in WfFormat 1.4 and 1.5, as graphs.

`by_name` reads 1.4 and `by_id` reads 1.5; both give a `recording.Recording`; `building` makes a graph of it and hints.
What a recording holds beside tasks, files, seconds and cores is passed over: in particular `memoryInBytes`, which is
what a process had resident, not what it asked of a node.
"""

from pipeline_splitter.wfformat.reading import read_workflow

__all__ = ["read_workflow"]
