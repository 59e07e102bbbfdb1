"""The domain of Moorage: what a governed dataset is, who may read it where, and what bringing it costs.

Everything below `kube` and `serving` is pure: no cluster, no clock, no environment, no I/O. The rooms beside this
package (operator, webhook, node plugin, scheduler plugin) speak its types and never each other's.
"""

__version__ = "0.1.0"
