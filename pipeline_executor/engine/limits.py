"""Limits of one group. Beyond, it fails with a sentence that names the limit."""

from typing import Final

MOST_TASKS: Final = 10_000
"""Tasks in a group: each leaf as often as it runs, in loops too, and each iteration at least once."""
DEEPEST: Final = 32
"""Pipelines, loops and conditions within each other."""
MOST_LAUNCHES: Final = 1_000
"""In one step. Who calls begins these and asks again."""
MOST_ARGUMENT_BYTES: Final = 131_071
"""In one argument or variable of a container: Linux passes no more to a program."""
MOST_POD_BYTES: Final = 1_000_000
"""In all arguments and variables of a container: an object in Kubernetes has at most 1.5 MiB."""
MOST_OUTPUT_BYTES: Final = 4 << 20
"""In the file in which a container says what it gives out, and in the files of its parameters."""
DEEPEST_VALUE: Final = 64
"""Lists and mappings within each other in an output."""
