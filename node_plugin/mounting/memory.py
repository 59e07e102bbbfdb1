"""The node's own memory, which is mounted once for all pods of a Dataset: `node_plugin.memory` does that."""

from moorage.sources import Location
from moorage.sources.memory import MemorySource


def memory_bytes(location: Location) -> int | None:
    """How much memory a source asks for; None for other kinds."""
    return location.size_bytes if isinstance(location, MemorySource) else None
