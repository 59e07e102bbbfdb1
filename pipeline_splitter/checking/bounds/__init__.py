"""The lower bounds: bound.json and its multipliers, recomputed with rounding against itself."""
