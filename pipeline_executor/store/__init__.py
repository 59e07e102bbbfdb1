"""A site's artifact store: get, put, list and presign objects. What the objects mean is `moorage.runs`'."""

from pipeline_executor.store.artifact_store import ArtifactStore, StoredObject, open_store
from pipeline_executor.store.site_stores import SiteStores

__all__ = ["ArtifactStore", "SiteStores", "StoredObject", "open_store"]
