"""What a pod may do with a dataset."""

from enum import StrEnum


class Access(StrEnum):
    """Read it, or write to it as well. A Dataset says the most that it permits, a pod what it asks for."""

    READ_ONLY = "readOnly"
    READ_WRITE = "readWrite"
