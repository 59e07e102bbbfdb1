"""Reads compiled Kubeflow Pipelines IR (schema 2.0 and 2.1) into a `graph.Graph` and a `pipeline.KfpPipeline`.

Pure: parsed documents in, records out. Every mistake in them is an `InputError` that names the place.

What the files leave open is decided so:

- A task with an iterator or a condition is a unit; so is a dag that a task waits for which runs also after failures
  (the body of an exit handler), or that runs so itself; and a dag that chooses between conditions, which the SDK
  writes for If/Elif/Else (`condition-branches-N`, or any whose output is one of several conditions').
- Who waits for a nested pipeline waits for each task inside, and each task inside waits for what it waits for.
- Loops and conditions read what they look at: a control step. Inputs of a unit that nothing inside reads are read by
  the unit's own control step, because Kubeflow resolves them anyway.
- What a task asks of a node includes its cores, also where one is assumed. Text is a Kubernetes quantity; numbers
  without quotes are cores, and 1e9 bytes of memory.
- An output of a unit has the size that a hint gives it by the unit's name, else the largest that is known of the steps
  that make it, else the default.
- An importer whose URI is a parameter of the pipeline imports what a hint says that this input is. A hint for an
  importer's artifact says how much of the dataset it is.
- Whoever is given text by a user of the workspace uses the workspace too: it may be a path in there.
- A reference in the platform document is an order edge, and its value's map flows like a parameter's.
"""

from pipeline_splitter.kfp.pipeline import KfpPipeline
from pipeline_splitter.kfp.reading import read_pipeline

__all__ = ["KfpPipeline", "read_pipeline"]
