"""Limits for parsing one schema: memory and processor time, enforced by the kernel."""

import math
import resource

MIB = 1024 * 1024
CPU_SECONDS = 5
_BASE_BYTES = 96 * MIB
_TIMES = 6
"""A footer of 12 MB, of 5,000 columns in 20 row groups, takes five times its size besides."""


def allowance_bytes(body_bytes: int) -> int:
    """Return the memory that parsing so many bytes may take, themselves included."""
    return _BASE_BYTES + _TIMES * body_bytes


def bound_process() -> None:
    """Leave no core behind, and write to no file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def bound_question(body_bytes: int) -> None:
    """Allow what one question may take from here on; more memory is not given, more time kills."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - read for each question
        now_bytes = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now_bytes + allowance_bytes(body_bytes), resource.RLIM_INFINITY))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
