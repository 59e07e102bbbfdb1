"""Client certificate authorization: serves only callers whose certificate has one of the given names.

That a certificate chains to a trusted authority is the TLS handshake's business. An authority often signs for more than
one client (a cluster's own signs for every kubelet), so the name counts as well.
"""

from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def admit_only(names: Collection[str]) -> Middleware:
    """Make a middleware that answers 403, and says nothing more, to everybody else."""
    allowed = frozenset(names)

    @web.middleware
    async def authorized(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        certificate = None if transport is None else transport.get_extra_info("peercert")
        if allowed.isdisjoint(names_in(certificate or {})):
            raise web.HTTPForbidden
        return await handler(request)

    return authorized


def names_in(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Return the common names and DNS names of a certificate, as `ssl.SSLSocket.getpeercert` gives it. Pure."""
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    alternative = certificate.get("subjectAltName", ())
    return frozenset(
        [value for kind, value in subject if kind == "commonName"]
        + [value for kind, value in alternative if kind == "DNS"]
    )
