"""Plans: reads the pipeline, settles each objective of the list in turn, and writes the answer down.

`request` is what is asked, `placing` places one graph by one objective, `stages` goes through the list and the choices
of releases, `assembling` makes the plan, `bounds` writes the proof, `comparison` what else could have been done.
"""

from pipeline_splitter.planning.making import make_plan
from pipeline_splitter.planning.outcome import Outcome
from pipeline_splitter.planning.request import Request, read_objectives

__all__ = ["Outcome", "Request", "make_plan", "read_objectives"]
