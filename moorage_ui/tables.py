"""Lists as the API server's own tables: names and printer columns, and none of the specs, which may be large."""

from dataclasses import dataclass
from typing import Final

from moorage.kube import Client, RawObject, Resource
from moorage.kube.client import TABLE

MOST: Final = 5000
"""Objects that are looked at for one list: the API server gives them by name, not by age."""
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Pages:
    """Raw Tables, and whether there is more than was looked at."""

    pages: tuple[RawObject, ...]
    cut_off: bool


async def read_table(client: Client, resource: Resource, namespace: str) -> Pages:
    """Read the table of a namespace's objects, or of all where it is "".

    Raises:
        KubeError: the API server does not let the client, or did not answer.
    """
    pages: list[RawObject] = []
    following = ""
    while True:
        table = await client.page_as(TABLE, resource, namespace, size=_PAGE, following=following)
        pages.append(table)
        following = str((table.get("metadata") or {}).get("continue") or "")
        if not following or len(pages) * _PAGE >= MOST:
            return Pages(tuple(pages), bool(following))
