"""The live TLS context of a server, whose certificate can be exchanged while it serves."""

import os
import ssl
from typing import IO


def make_server_context() -> ssl.SSLContext:
    """Make a context for TLS 1.2 and newer; without a certificate yet, it refuses every handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def load_pair(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """Exchange certificate and key: new handshakes get them, open connections go on.

    Python takes only file names here; anonymous files keep the key off every disk, and need no writable one.

    Raises:
        ssl.SSLError: they do not belong together.
    """
    with _anonymous(certificate_pem) as certificate, _anonymous(key_pem) as key:
        context.load_cert_chain(f"/proc/self/fd/{certificate.fileno()}", f"/proc/self/fd/{key.fileno()}")


def _anonymous(content: bytes) -> IO[bytes]:
    file = os.fdopen(os.memfd_create("moorage-tls", os.MFD_CLOEXEC), "wb", buffering=0)
    file.write(content)
    return file
