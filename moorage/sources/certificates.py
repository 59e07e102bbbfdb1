"""Certificates of authorities, as sources give them. Pure."""

import base64
import binascii
from typing import Final

from moorage.errors import SourceError
from moorage.sources.reasons import Reason

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def certificates_of(bundle: str, named_in: str = "s3.caBundle") -> str:
    """PEM, also where it was given base64-encoded as Kubernetes' own caBundle fields are.

    Args:
        bundle: as it was given.
        named_in: the field, for the message.

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
        problem = "holds no certificate: give PEM text, -----BEGIN CERTIFICATE----- ..."
        raise SourceError(Reason.CERTIFICATE_UNTRUSTED, f"{named_in} {problem}")
    return decoded
