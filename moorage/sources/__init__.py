"""What is known of sources without asking any store: words, folders, certificates. Pure, and light to import."""

import base64
import binascii

from moorage.errors import SourceError

LISTED = "Listed"
NOT_LISTED = "NotListed"
NOT_SUPPORTED = "SourceNotSupported"
# Mounted by the node plugin, which alone can look inside.
MOUNTED_BY_NODES = frozenset({"nfs", "hostPath"})

_BEGIN = "-----BEGIN CERTIFICATE-----"


def folder_prefix(prefix: str) -> str:
    """The prefix that listing takes: a folder, so that `claims` never means `claims2/...` too; "" is the whole bucket.

    Slashes at both ends do not count: `/claims`, `claims` and `claims/` are one folder, as they are for mounts.
    """
    folder = prefix.strip("/")
    return f"{folder}/" if folder else ""


def certificates_of(bundle: str) -> str:
    """PEM, also where it was given base64-encoded as Kubernetes' own caBundle fields are.

    Raises:
        SourceError: it holds no certificate.
    """
    if _BEGIN in bundle:
        return bundle
    try:
        decoded = base64.b64decode("".join(bundle.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    if _BEGIN not in decoded:
        raise SourceError(
            "CertificateUntrusted", "s3.caBundle holds no certificate: give PEM text, -----BEGIN CERTIFICATE----- ..."
        )
    return decoded
