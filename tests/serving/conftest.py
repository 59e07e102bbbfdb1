"""The control plane, for keepers of certificates."""

from tests.planes import client, namespace

__all__ = ["client", "namespace"]
