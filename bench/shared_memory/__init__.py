"""Handing a table from one process to another: by `moorage.memory`, and by what people use in its place.

Each round has a process that puts and another that gets and reads every value; both are asked for the seconds of that
alone, after their imports. All ways take turns in one run; what is compared are medians.

    rounds   runs the processes, and makes rows of what they say
    inside   what such a process does: it is run by the interpreter of each way's own environment
"""

from bench.shared_memory.rounds import measure

__all__ = ["measure"]
