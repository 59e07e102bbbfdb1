"""Builders that read as a sentence: `make_dataset("claims").at("eu-1").staying_in("EU").obj()`."""

from dataclasses import dataclass, replace
from typing import Self

from moorage.model import Classification, Dataset, DatasetRef, DatasetStatus, Governance, Site, Source, SourceStatus
from moorage.sources.memory import MemorySource
from moorage.sources.s3 import S3Source


@dataclass(frozen=True)
class DatasetBuilder:
    """Builds a Dataset."""

    dataset: Dataset

    def _with(self, **changes: object) -> Self:
        return replace(self, dataset=replace(self.dataset, **changes))  # type: ignore[arg-type]

    def _governed(self, **changes: object) -> Self:
        return self._with(governance=replace(self.dataset.governance, **changes))  # type: ignore[arg-type]

    def at(self, *sites: str) -> Self:
        """A copy in an S3 store at each of the sites."""
        sources = [Source(site, S3Source(f"http://s3.{site}", "bucket")) for site in sites]
        return self._with(sources=(*self.dataset.sources, *sources))

    def in_memory_at(self, *sites: str) -> Self:
        """The memory of the nodes of each of the sites."""
        sources = [Source(site, MemorySource(1 << 30)) for site in sites]
        return self._with(sources=(*self.dataset.sources, *sources))

    def classified(self, classification: Classification) -> Self:
        """So sensitive."""
        return self._governed(classification=classification)

    def staying_in(self, *places: str) -> Self:
        """Residency."""
        return self._governed(residency=frozenset(places))

    def allowed_at(self, *sites: str) -> Self:
        """Only those sites."""
        return self._governed(sites_allow=frozenset(sites))

    def denied_at(self, *sites: str) -> Self:
        """Not those sites."""
        return self._governed(sites_deny=frozenset(sites))

    def for_purposes(self, *purposes: str) -> Self:
        """Only those purposes."""
        return self._governed(purposes=frozenset(purposes))

    def for_consumers(self, *consumers: str) -> Self:
        """Only those accounts."""
        return self._governed(consumers=frozenset(consumers))

    def confidential_only(self) -> Self:
        """Only on confidential computers."""
        return self._governed(confidential_compute=True)

    def sized(self, size_bytes: int, version: str = "v1") -> Self:
        """As the operator found it."""
        return self._with(status=replace(self.dataset.status, size_bytes=size_bytes, version=version))

    def diverged_at(self, site: str) -> Self:
        """The copy there differs."""
        return self._with(
            status=replace(self.dataset.status, sources=(SourceStatus(site, reachable=True, reason="Diverged"),))
        )

    def obj(self) -> Dataset:
        """The Dataset."""
        return self.dataset


def make_dataset(name: str, namespace: str = "steward") -> DatasetBuilder:
    """A Dataset without sources that permits readers of its own namespace anywhere."""
    return DatasetBuilder(Dataset(DatasetRef(namespace, name), (), Governance(), status=DatasetStatus()))


def make_site(name: str, jurisdiction: str | None = None, **fields: object) -> Site:
    """A Site whose nodes carry its name under the site label."""
    selector = {"node-restriction.kubernetes.io/moorage-site": name}
    return Site(name, jurisdiction, node_selector=selector, **fields)  # type: ignore[arg-type]
