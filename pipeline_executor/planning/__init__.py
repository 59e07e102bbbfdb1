"""Planning in a process of its own, whose memory and time are bounded: a pipeline of a tenant's can't harm the hub.

question   what is asked and what is answered, as records and as JSON (pure)
parameters the values that a run gives its pipeline, checked (pure)
answering  makes the plan, in the child (`python3 -m pipeline_executor.planning`)
asking     starts the child, feeds it, and waits for no longer than it may take
"""

from pipeline_executor.planning.asking import Limits, ask
from pipeline_executor.planning.question import Answer, Planned, Question, Refused, Unplannable, Unsettled

__all__ = ["Answer", "Limits", "Planned", "Question", "Refused", "Unplannable", "Unsettled", "ask"]
