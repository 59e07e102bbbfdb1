"""Message passing with soft minima, for what passes with hard ones leave open.

`layout` lays a core out over the sites that are left; `kernels`, `sharing`, `moving` and `bounding` are the loops over
it, `smoother` is their state, and `cooling` the schedule. Loads numba.
"""
