"""The objective `time`: which site, and when, so that the last task ends soonest; and the cheapest plan within a time.

`network` prepares arrays; `bounds` says what no schedule can beat; `listing` makes list schedules; `annealing` improves
them on large problems; `exact` is CP-SAT for small ones. `fastest` and `within` conduct.
"""

from pipeline_splitter.solving.makespan.fastest import solve_time
from pipeline_splitter.solving.makespan.within import solve_within

__all__ = ["solve_time", "solve_within"]
