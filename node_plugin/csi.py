"""The CSI and registration messages as frozen records, so that no other module sees protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from moorage.errors import InputError
from moorage.grants.question import PodIdentity
from moorage.model import DatasetRef
from moorage.reading.fields import DNS_LABEL
from node_plugin.csi_schema import CSI, REGISTRATION

_PREFIX = "csi.storage.k8s.io/"
_TOKENS = f"{_PREFIX}serviceAccount.tokens"


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """NodePublishVolume.

    Attributes:
        volume_id: made up by the kubelet for an inline volume.
        target_path: where the volume is wanted.
        is_block: a raw device is wanted.
        read_only: the pod's spec wants no more.
        context: the volume's attributes, and what the kubelet says of the pod; no token is in it.
        tokens: of the pod's account, by audience, as the kubelet writes them; "" where it brings none.
    """

    volume_id: str
    target_path: str
    is_block: bool
    read_only: bool
    context: Mapping[str, str]
    tokens: str = field(default="", repr=False)

    @property
    def account(self) -> str:
        """The pod's, as `namespace/name`."""
        return (
            f"{self.context.get(f'{_PREFIX}pod.namespace', '')}/{self.context.get(f'{_PREFIX}serviceAccount.name', '')}"
        )


@dataclass(frozen=True, slots=True)
class UnpublishRequest:
    """NodeUnpublishVolume."""

    volume_id: str
    target_path: str


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """What the kubelet made of us."""

    registered: bool
    error: str


def read_publish(data: bytes) -> PublishRequest:
    """Decode a request."""
    message = CSI["NodePublishVolumeRequest"].FromString(data)
    context = dict(message.volume_context)
    # Among the secrets where the CSIDriver asks for that, else in the context, which people print.
    tokens = context.pop(_TOKENS, "")
    return PublishRequest(
        volume_id=message.volume_id,
        target_path=message.target_path,
        is_block=message.volume_capability.HasField("block"),
        read_only=message.readonly,
        context=MappingProxyType(context),
        tokens=message.secrets.get(_TOKENS, "") or tokens,
    )


def read_unpublish(data: bytes) -> UnpublishRequest:
    """Decode a request."""
    message = CSI["NodeUnpublishVolumeRequest"].FromString(data)
    return UnpublishRequest(message.volume_id, message.target_path)


def read_registration_status(data: bytes) -> RegistrationStatus:
    """Decode what the kubelet reports."""
    message = REGISTRATION["RegistrationStatus"].FromString(data)
    return RegistrationStatus(message.plugin_registered, message.error)


def write_plugin_name(name: str, version: str) -> bytes:
    """Encode GetPluginInfoResponse."""
    return _encode(CSI["GetPluginInfoResponse"](name=name, vendor_version=version))


def write_probe(*, ready: bool) -> bytes:
    """Encode ProbeResponse."""
    return _encode(CSI["ProbeResponse"](ready=CSI["BoolValue"](value=ready)))


def write_node_id(node_id: str) -> bytes:
    """Encode NodeGetInfoResponse."""
    return _encode(CSI["NodeGetInfoResponse"](node_id=node_id))


def write_registration(name: str, endpoint: str) -> bytes:
    """Encode PluginInfo: a CSI plugin of this name listens at this socket."""
    return _encode(
        REGISTRATION["PluginInfo"](type="CSIPlugin", name=name, endpoint=endpoint, supported_versions=["1.0.0"])
    )


EMPTY = b""
"""Every response without fields."""


def pod_of(request: PublishRequest) -> PodIdentity:
    """Whose volume it is.

    Raises:
        InputError: the kubelet did not say.
    """
    return PodIdentity(*(_pod_info(request, name) for name in ("namespace", "name", "uid")))


def dataset_of(request: PublishRequest, pod: PodIdentity) -> DatasetRef:
    """Which dataset is asked for; without a namespace, one of the pod's own.

    Raises:
        InputError: the volume's attributes can't be used.
    """
    subject = f"Pod {pod.namespace}/{pod.name}"
    known = {"dataset", "namespace"}
    for name in sorted(request.context):
        if name not in known and not name.startswith(_PREFIX):
            raise InputError(
                subject, f"csi.volumeAttributes.{name}", "is not known; write `dataset` and, if needed, `namespace`"
            )
    if request.context.get(_PREFIX + "ephemeral") != "true":
        raise InputError(
            subject,
            "spec.volumes[].persistentVolumeClaim",
            "a Dataset's claim is served by Moorage's admission webhook, which did not see this pod: the webhook did "
            "not answer, the namespace has opted out, or the pod is older than the claim. Delete the pod and create "
            "it again, or use the label `dataset.0.id`",
        )
    if request.is_block:
        raise InputError(subject, "csi", "a dataset is a directory, never a block device; use volumeMounts")
    dataset = request.context.get("dataset", "")
    if not dataset:
        raise InputError(subject, "csi.volumeAttributes.dataset", "is missing; write the Dataset's name")
    return DatasetRef(
        _label(subject, "namespace", request.context.get("namespace") or pod.namespace),
        _label(subject, "dataset", dataset),
    )


def _pod_info(request: PublishRequest, name: str) -> str:
    value = request.context.get(f"{_PREFIX}pod.{name}", "")
    if not value:
        raise InputError(
            "request",
            f"volume_context[{_PREFIX}pod.{name}]",
            "is missing; the CSIDriver data.moorage.dev must have podInfoOnMount: true",
        )
    return value


def _label(subject: str, field: str, value: str) -> str:
    """A DNS label, as the names of Datasets and namespaces are."""
    if not DNS_LABEL.fullmatch(value):
        raise InputError(
            subject,
            f"csi.volumeAttributes.{field}",
            f"{value!r} is not a name; names have up to 63 lower-case letters, digits and dashes",
        )
    return value


def _encode(message: object) -> bytes:
    encoded: bytes = message.SerializeToString()  # type: ignore[attr-defined]
    return encoded
