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
CERTIFICATE_EXPIRY = Gauge(
    "moorage_certificate_expiry_timestamp_seconds", "When the certificate that is served expires."
)
LISTINGS = Counter("moorage_listings", "Listings of sources that ended, by their result.", ["reason"])
LISTING_SECONDS = Histogram(
    "moorage_listing_seconds", "How long listing all sources of a Dataset took.", buckets=_SLOW_SECONDS
)
QUEUE_DEPTH = Gauge("moorage_work_queue_depth", "Keys that wait in a work queue.", ["queue"])
PUBLISHES = Counter("moorage_volume_publishes", "Calls of NodePublishVolume, by their result.", ["result"])
HEALS = Counter("moorage_mount_heals", "Mounts whose server was replaced while the pod went on.")


class Followed(Protocol):
    """An informer's cache."""

    @property
    def age_seconds(self) -> float:
        """How long the API server has been out of sight."""

    def snapshot(self) -> Mapping[tuple[str, str], object]:
        """Its records."""


class _Caches(Collector):
    """Asked at each scrape, so that no cache has to tell of each change."""

    def __init__(self) -> None:
        self.followed: dict[str, Followed] = {}

    def collect(self) -> Iterable[Metric]:
        """Age and size of each informer's cache."""
        ages = GaugeMetricFamily(
            "moorage_cache_age_seconds", "How long a watch has been broken; 0 while it is open.", labels=["resource"]
        )
        sizes = GaugeMetricFamily("moorage_cache_objects", "Objects in a cache.", labels=["resource"])
        for resource, cache in list(self.followed.items()):
            ages.add_metric([resource], cache.age_seconds)
            sizes.add_metric([resource], len(cache.snapshot()))
        yield ages
        yield sizes


_CACHES = _Caches()
REGISTRY.register(_CACHES)


def follow_caches(caches: Mapping[str, Followed]) -> None:
    """Expose the age and size of these caches, each under the plural of its resource."""
    _CACHES.followed.update(caches)


def forget_caches(caches: Mapping[str, Followed]) -> None:
    """Expose them no longer."""
    for resource, cache in caches.items():
        if _CACHES.followed.get(resource) is cache:
            del _CACHES.followed[resource]


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
