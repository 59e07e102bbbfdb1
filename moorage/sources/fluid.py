"""What Fluid's Alluxio is told of a location, so that it reads the same objects with the same keys. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.sources.s3 import S3Source


@dataclass(frozen=True, slots=True)
class FluidMount:
    """An entry of a Fluid Dataset's `mounts`.

    Attributes:
        mount_point: the folder, as Alluxio names it.
        options: Alluxio's properties.
        secret_name: of the Secret with the keys, in the Dataset's namespace.
        secret_options: the key of the Secret to take each property from.
    """

    mount_point: str
    options: Mapping[str, str]
    secret_name: str
    secret_options: Mapping[str, str]


def fluid_mount(location: object) -> FluidMount | str:
    """Return how Alluxio mounts a location, or why it can't."""
    if not isinstance(location, S3Source):
        return f"Fluid is given s3 sources only, not {getattr(location, 'kind', 'others')}"
    if location.web_identity is not None:
        return "webIdentity gives keys to pods of ours only: give the source a secretRef"
    if location.inline_credentials is not None:
        return "its keys are in the Dataset itself: put them into a Secret and name it in secretRef"
    if location.secret_name is None:
        return "it has no secretRef, and Alluxio would look for keys of its own: name a Secret"
    if location.ca_bundle is not None:
        return "Alluxio can't be given its caBundle: let the store show a certificate that Alluxio's image trusts"
    options = {
        "alluxio.underfs.s3.endpoint": location.endpoint,
        # As Moorage itself asks stores: the bucket in the path.
        "alluxio.underfs.s3.disable.dns.buckets": "true",
        "alluxio.underfs.s3.inherit.acl": "false",
    }
    if location.region:
        options["alluxio.underfs.s3.endpoint.region"] = location.region
    folder = "/".join(part for part in (location.bucket, location.prefix.strip("/")) if part)
    names = zip(("aws.accessKeyId", "aws.secretKey"), location.key_names, strict=True)
    return FluidMount(f"s3://{folder}/", options, location.secret_name, dict(names))
