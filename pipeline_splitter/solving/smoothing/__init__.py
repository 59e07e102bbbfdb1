"""Message passing with soft minima, for what passes with hard ones leave open.

`layout` lays a core out over the sites that are left, `kernels` and `bounding` are the loops over it, and `smoother` is
their state. Loads numba.
"""
