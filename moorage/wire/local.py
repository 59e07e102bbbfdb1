"""`spec.local`, `spec.remote`: the vocabulary of the Dataset Lifecycle Framework and Datashim, for one source."""

from moorage.model import Source
from moorage.reading.fields import Fields, shown
from moorage.sources import LOCAL_KINDS, REMOTE_KINDS

LOCAL_TYPES = tuple(LOCAL_KINDS)
# Words that Datashim reads and that change nothing here: spec.access says who may write, only buckets are provisioned.
_ACCEPTED_UNUSED = (
    "readonly",
    "hostPathType",
    "createPVC",
    "createDirPVC",
    "provision",
    "format",
    "secret-namespace",
    "storageClass",
)
KNOWN_KEYS = ("type", "site", *(key for each in LOCAL_KINDS.values() for key in each.local_keys), *_ACCEPTED_UNUSED)
REMOTE_KEYS = ("type", "site", *(key for each in REMOTE_KINDS.values() for key in each.remote_keys))


def read_remote(fields: Fields) -> Source:
    """Read the one source that `spec.remote` means, a table of a catalogue. Its site is as that of `spec.local`."""
    kind = fields.required_text("type")
    if kind not in REMOTE_KINDS:
        fields.fail("type", f"{shown(kind)} is not one of {', '.join(REMOTE_KINDS)}")
    site = fields.text("site") or ""
    location = REMOTE_KINDS[kind].read_remote(fields)
    fields.finish()
    return Source(site, location, is_remote=True)


def read_local(fields: Fields, namespace: str) -> Source:
    """Read the one source that `spec.local` means. Its site is `site`, else "": the only Site there is."""
    for key in _ACCEPTED_UNUSED:
        fields.value(key)
    kind = fields.required_text("type").upper()
    secret_namespace = fields.text("secret-namespace")
    if secret_namespace not in (None, namespace):
        fields.fail(
            "secret-namespace", f"must be the dataset's own, {namespace!r}: a Secret of another namespace is never read"
        )
    site = fields.text("site") or ""
    if kind not in LOCAL_KINDS:
        fields.fail("type", f"{shown(kind)} is not one of {', '.join(LOCAL_TYPES)}")
    location = LOCAL_KINDS[kind].read_local(fields, kind)
    fields.finish()
    return Source(site, location, is_local=True)
