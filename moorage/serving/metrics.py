"""Prometheus metrics: what components count, and the exposition at /metrics on the plain health port.

Labels are bounded: routes, HTTP statuses, rule codes, names of resources and queues. No tenant's object has a label of
its own, so no tenant can make the series grow, and whoever may scrape learns nothing about anybody's data.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FAST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

REQUESTS = Counter("moorage_http_requests", "HTTP requests that were answered.", ["path", "status"])
REQUEST_SECONDS = Histogram(
    "moorage_http_request_seconds", "From a request's header to its answer.", ["path"], buckets=_FAST_SECONDS
)
REFUSALS = Counter(
    "moorage_refusals", "Pods, objects and grants that were refused, by the rule that refused.", ["rule"]
)
GRANTS = Counter("moorage_grants", "Grants that the broker gave.")
UNPLACEABLE = Counter("moorage_unplaceable", "Times that no node passed the extender's filter for a pod.")
LISTINGS = Counter("moorage_listings", "Listings of sources that ended, by their result.", ["reason"])
LISTING_SECONDS = Histogram(
    "moorage_listing_seconds", "How long listing all sources of a Dataset took.", buckets=_SLOW_SECONDS
)
QUEUE_DEPTH = Gauge("moorage_work_queue_depth", "Keys that wait in a work queue.", ["queue"])
PUBLISHES = Counter("moorage_volume_publishes", "Calls of NodePublishVolume, by their result.", ["result"])
HEALS = Counter("moorage_mount_heals", "Mounts whose server was replaced while the pod went on.")
REVOCATIONS = Counter(
    "moorage_mount_revocations", "Mounts of running pods that were ended, by the rule that refused.", ["rule"]
)

EVIDENCE_LINES = Counter("moorage_evidence_lines", "Lines of evidence that were written, by what they tell.", ["event"])
EVIDENCE_STORED = Counter("moorage_evidence_stored_lines", "Lines of evidence that the store has taken.")
EVIDENCE_FAILURES = Counter(
    "moorage_evidence_failures", "Times that evidence could not be stored, sealed or published.", ["reason"]
)
EVIDENCE_UNANSWERED = Counter(
    "moorage_evidence_unanswered", "Questions that got no answer, because no more lines of evidence may wait."
)
EVIDENCE_LEFT_OUT = Counter(
    "moorage_evidence_left_out",
    "Refusals at admission without a line of evidence: too many in a row in a namespace, or too many lines wait.",
)
EVIDENCE_WAITING = Gauge("moorage_evidence_waiting_lines", "Lines of evidence that wait for the store.")
EVIDENCE_WAITING_SECONDS = Gauge(
    "moorage_evidence_waiting_seconds", "How long the oldest line of evidence has waited for the store."
)

CACHE_FILLS = Counter("moorage_node_cache_fills", "Fills of the node's cache that ended, by how.", ["ending"])
CACHE_FILLED_BYTES = Counter("moorage_node_cache_filled_bytes", "Bytes of versions that fills made whole.")
CACHE_ORIGIN_BYTES = Counter(
    "moorage_node_cache_origin_bytes", "Bytes of versions that fills made whole, by where they came from.", ["origin"]
)
NEIGHBOUR_BYTES = Counter("moorage_neighbour_sent_bytes", "Bytes of copies that were sent to other nodes.")
NEIGHBOURS_LEFT = Counter(
    "moorage_neighbours_left", "Neighbours that a fill asked no more, as they were slow, silent or wrong."
)
CACHE_EVICTIONS = Counter(
    "moorage_node_cache_evictions",
    "Versions that left the node's cache: refused by a rule, useless, asked away, or for room.",
    ["why"],
)
CACHE_BYTES = Gauge("moorage_node_cache_bytes", "What the node's cache takes of its disk.")
MEMORY_BYTES = Gauge("moorage_node_memory_bytes", "What lies in the node's memory that pods share.")
MEMORY_BROUGHT_BYTES = Counter(
    "moorage_node_memory_brought_bytes", "Bytes of objects that came from the memory of other nodes."
)
CACHE_READS = Counter(
    "moorage_node_cache_reads", "Volumes of cacheable datasets, by where their bytes come from.", ["source"]
)

RUN_PHASES = Counter("moorage_run_phases", "How often a run came into a phase.", ["phase"])
GROUPS_SUBMITTED = Counter("moorage_groups_submitted", "Attempts of groups that the hub submitted.")
SCHEDULED_RUNS = Counter("moorage_scheduled_runs", "Runs that PipelineSchedules made, by what for.", ["cause"])
EXPIRED_OBJECTS = Counter("moorage_expired_objects", "Objects of runs that the hub deleted from stores.")
PLANNING_SECONDS = Histogram(
    "moorage_planning_seconds", "How long making a plan took, by its result.", ["result"], buckets=_SLOW_SECONDS
)
CLUSTERS_OUT_OF_SIGHT = Gauge("moorage_clusters_out_of_sight", "Clusters of sites that the hub does not see.")


class Followed(Protocol):
    """An informer's cache."""

    @property
    def age_seconds(self) -> float:
        """The seconds since the API server went out of sight."""

    def snapshot(self) -> Mapping[tuple[str, str], object]:
        """Return the current records."""


class Queue(Protocol):
    """A work queue."""

    @property
    def name(self) -> str:
        """The queue's name in metrics."""

    def __len__(self) -> int:
        """Return the number of waiting keys."""


class _Caches(Collector):
    """Asked at each scrape, so that no cache has to tell of each change."""

    def __init__(self) -> None:
        self.followed: dict[str, list[Followed]] = {}

    def collect(self) -> Iterable[Metric]:
        """Age and size of the caches of each resource: of several, the oldest one's age, and their sizes together."""
        ages = GaugeMetricFamily(
            "moorage_cache_age_seconds", "How long a watch has been broken; 0 while it is open.", labels=["resource"]
        )
        sizes = GaugeMetricFamily("moorage_cache_objects", "Objects in a cache.", labels=["resource"])
        for resource, caches in list(self.followed.items()):
            ages.add_metric([resource], max(cache.age_seconds for cache in caches))
            sizes.add_metric([resource], sum(len(cache.snapshot()) for cache in caches))
        yield ages
        yield sizes


class CertificateExpiry(Collector):
    """Without a sample where no certificate is served: 0 would be one that expired long ago."""

    def __init__(self) -> None:
        self._timestamp: float | None = None

    def set(self, timestamp: float) -> None:
        """Note when the certificate that is served now expires."""
        self._timestamp = timestamp

    def collect(self) -> Iterable[Metric]:
        """Return one sample, or none."""
        yield GaugeMetricFamily(
            "moorage_certificate_expiry_timestamp_seconds",
            "When the certificate that is served expires.",
            self._timestamp,
        )


CERTIFICATE_EXPIRY = CertificateExpiry()
REGISTRY.register(CERTIFICATE_EXPIRY)

_CACHES = _Caches()
REGISTRY.register(_CACHES)


def follow_caches(caches: Mapping[str, Followed]) -> None:
    """Expose the age and size of these caches, each under the plural of its resource."""
    for resource, cache in caches.items():
        _CACHES.followed.setdefault(resource, []).append(cache)


def forget_caches(caches: Mapping[str, Followed]) -> None:
    """Stop exposing these caches."""
    for resource, cache in caches.items():
        left = [each for each in _CACHES.followed.pop(resource, ()) if each is not cache]
        if left:
            _CACHES.followed[resource] = left


def follow_depth(queue: Queue) -> None:
    """Expose how many keys wait in a work queue, under its name."""
    QUEUE_DEPTH.labels(queue.name).set_function(lambda: len(queue))


@web.middleware
async def count_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count each request under its route; paths that are no route share one label."""
    began = time.perf_counter()
    resource = request.match_info.route.resource
    path = "other" if resource is None else resource.canonical
    status = 500
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        REQUESTS.labels(path, str(status)).inc()
        REQUEST_SECONDS.labels(path).observe(time.perf_counter() - began)
    return response


def refused(rule: str | None) -> None:
    """Count a refusal by its rule's code; what was no rule counts as `other`."""
    REFUSALS.labels(rule or "other").inc()


async def expose(_request: web.Request) -> web.Response:
    """Answer GET /metrics."""
    return web.Response(body=generate_latest(REGISTRY), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})
