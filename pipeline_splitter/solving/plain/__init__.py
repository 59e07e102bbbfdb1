"""Message passing in plain Python, for small problems: nothing is compiled, and nothing that is slow to load is loaded.

`layout` says how a core lies in flat lists, `passes`, `shares` and `choices` are the loops over them, and `ascent` is
their state.
"""
