"""The certificate of a server behind a Service: made and renewed by ourselves, or mounted by somebody else."""

from pathlib import Path
from typing import Protocol

from moorage.kube import Client
from moorage.serving.keeper import Keeper, Place
from moorage.serving.mounted import MountedCertificate
from moorage.serving.publishers import Publisher
from moorage.serving.rotation import Plan


class CertificateSettings(Protocol):
    """The settings that say which one."""

    @property
    def namespace(self) -> str:
        """The namespace of the Service and of the Secret."""
        ...

    @property
    def service_name(self) -> str:
        """The Service that clients call."""
        ...

    @property
    def certificate_secret(self) -> str:
        """The Secret of a certificate of our own."""
        ...

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Further names that clients use."""
        ...

    @property
    def certificate_folder(self) -> Path | None:
        """The folder of a certificate that others renew; None: we make our own."""
        ...


def certificate_of(client: Client, settings: CertificateSettings, publisher: Publisher) -> Keeper | MountedCertificate:
    """Return the certificate, to be entered as a context.

    Args:
        client: the API server that holds the Secret.
        settings: which one.
        publisher: tells clients whom to trust, where the certificate is our own.
    """
    if settings.certificate_folder is not None:
        return MountedCertificate(settings.certificate_folder)
    service = f"{settings.service_name}.{settings.namespace}.svc"
    plan = Plan((service, f"{service}.cluster.local", *settings.certificate_names))
    return Keeper(client, Place(settings.namespace, settings.certificate_secret), publisher, plan)
