"""A pod's access to a dataset: to read, or to write too."""

from enum import StrEnum


class Access(StrEnum):
    """Read it, or write to it as well. A Dataset says the most that it permits, a pod what it asks for."""

    READ_ONLY = "readOnly"
    READ_WRITE = "readWrite"
