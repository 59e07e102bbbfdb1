"""`moorage run` and `moorage runs`: pipelines that run across clusters, submitted, followed and ended.

arguments    a pipeline's parameters, from `-p name=value` and files, by the types that it declares
submitting   the StretchedPipeline that is created
telling      what a status says, as lines and as a tree: pure
drawing      a status as a picture on a terminal
following    a live view until the run ends
hints        what earlier runs took, as hints for a plan
commands     list, show, approve, cancel, retry
logs         what tasks printed
reading_logs which tasks are meant, and how far each was printed: pure
reporting    the page of a plan
log_ways     by the stores, or by a server
"""
