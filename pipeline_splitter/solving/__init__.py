"""Solvers that place each block at least cost, with a bound that proves how good the answer is.

`solve` picks a solver. `messages` is for scale: dual message passing over flat arrays, whose multipliers are the
certificate. `highs` is general: the whole problem, or what the first could not decide, as a mixed-integer program.
`evaluate` and `bound` say what a placement costs and what a certificate proves; the solvers answer nothing that these
did not compute.
"""

from pipeline_splitter.solving.interface import Solver, solve

__all__ = ["Solver", "solve"]
