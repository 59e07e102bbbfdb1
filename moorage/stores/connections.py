"""Connections to a store: verified, patient for so long, without proxies, and without a step to where it redirects."""

import ssl

import httpx2 as httpx

from moorage.sources.certificates import certificates_of
from moorage.sources.s3 import S3Source


def open_store(location: S3Source) -> httpx.AsyncClient:
    """Connections that are made when they are needed; the caller closes them.

    Raises:
        SourceError: the location's certificates can't be read.
    """
    verify = ssl.create_default_context()
    if location.ca_bundle is not None:
        verify.load_verify_locations(cadata=certificates_of(location.ca_bundle))
    timeout = httpx.Timeout(20, connect=5)
    return httpx.AsyncClient(verify=verify, timeout=timeout, trust_env=False, follow_redirects=False)
