"""Limits of one group. Beyond, it fails with a sentence that names the limit."""

from typing import Final

MOST_TASKS: Final = 10_000
"""Tasks in a group: each leaf as often as it runs, in loops too, and each iteration at least once."""
DEEPEST: Final = 32
"""Pipelines, loops and conditions within each other."""
MOST_LAUNCHES: Final = 1_000
"""The most launches in one step. The caller begins these and asks again."""
MOST_ARGUMENT_BYTES: Final = 131_071
"""The limit of one argument or variable of a container: Linux passes no more to a program."""
MOST_POD_BYTES: Final = 1_000_000
"""The limit of all arguments and variables of a container: an object in Kubernetes has at most 1.5 MiB."""
MOST_OUTPUT_BYTES: Final = 4 << 20
"""The limit of a container's output file, and of the files of its parameters."""
DEEPEST_VALUE: Final = 64
"""Lists and mappings within each other in an output."""
