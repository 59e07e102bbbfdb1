"""Objects as blobs of a vineyard daemon on this machine, for those who run one.

vineyard hands out memory and keeps names; the bytes are ours, and its own types and resolvers are not used. What it
lacks is made good here: it frees what readers still look at, and keeps for ever what killed writers left.

    space    whole objects under names
    freeing  what has lost its name, and what writers left
    records  what the daemon is told about an object, and what is believed of it
    leases   who holds an object: locks that the kernel drops with their process
    daemon   the connection of this process
"""

from moorage.memory.vineyard.space import VineyardSpace

__all__ = ["VineyardSpace"]
