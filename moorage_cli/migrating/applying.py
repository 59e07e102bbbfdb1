"""Server-side apply of what a migration made. What somebody else made is left alone."""

from collections.abc import Sequence

from moorage.errors import KubeError, NotFoundError
from moorage.kube import DATASETS, Client, RawObject
from moorage_cli.output import say

FIELD_MANAGER = "moorage-migrate"
_APPLY = "Apply"


def is_of_a_migration(raw: RawObject) -> bool:
    """Whether an earlier migration applied it; the API server itself notes who did."""
    entries = (raw.get("metadata") or {}).get("managedFields") or ()
    return any((each.get("manager"), each.get("operation")) == (FIELD_MANAGER, _APPLY) for each in entries)


async def apply_all(client: Client, raws: Sequence[RawObject], *, dry_run: bool) -> list[KubeError]:
    """Apply one after the other, and tell of each; one that fails keeps none of the others.

    Without force: what a steward has changed since, an earlier migration's word does not change back.
    """
    failed: list[KubeError] = []
    for raw in raws:
        namespace, name = raw["metadata"]["namespace"], raw["metadata"]["name"]
        what = f"dataset.moorage.dev/{name} in {namespace}"
        try:
            if not await _is_free(client, namespace, name):
                say(f"Note: {what} is there, and no migration made it: left alone", err=True)
                continue
            await client.apply(DATASETS, raw, force=False, dry_run=dry_run)
        except KubeError as error:
            failed.append(error)
            say(f"Error: {error}", err=True)
        else:
            say(f"{what} applied{' (dry run)' if dry_run else ''}")
    return failed


async def _is_free(client: Client, namespace: str, name: str) -> bool:
    try:
        return is_of_a_migration(await client.get(DATASETS, name, namespace))
    except NotFoundError as error:
        if "page not found" in str(error):  # there are no Datasets at all
            raise
        return True
