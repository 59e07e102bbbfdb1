"""The live TLS context of a server, whose certificate can be exchanged while it serves."""

import os
import ssl
from pathlib import Path
from typing import IO

from moorage.errors import SettingError


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


def require_clients(context: ssl.SSLContext, ca_file: Path) -> None:
    """Let in only clients whose certificate chains to one of these authorities.

    Raises:
        SettingError: the file holds no certificate.
    """
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        problem = f"{ca_file} can't be used ({error}); it must hold the PEM of who signs the clients' certificates"
        raise SettingError("environment", "MOORAGE_CLIENT_CA_FILE", problem) from error
    context.verify_mode = ssl.CERT_REQUIRED


def _anonymous(content: bytes) -> IO[bytes]:
    file = os.fdopen(os.memfd_create("moorage-tls", os.MFD_CLOEXEC), "wb", buffering=0)
    file.write(content)
    return file
