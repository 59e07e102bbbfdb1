"""Placement: recorded and generated workloads, on worlds of sites and rules drawn by seed, solved and compared.

`workloads` reads or makes what is to be placed; `worlds` draws sites, links, prices, datasets and rules; `instances`
makes problems of both; `peers` and `skypilot` are other ways to place, and `compared` sums up what they did; `files`
makes a pipeline and runs the command on it; `checks` recomputes every cost and bound with code of its own; `__main__`
runs it all.
"""
