"""The shared foundation of Moorage: what a governed dataset is, who may read it where, what fetching it costs.

Everything below `kube`, `serving` and `watching` is the domain, and pure: no cluster, no clock, no environment, no I/O.
The rooms beside this package (operator, webhook, broker, node plugin, scheduler plugin, command line) speak its types
and never each other's; nothing in it imports a room.
"""

__version__ = "0.1.0"
