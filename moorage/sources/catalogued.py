"""Tables that a catalogue knows: the catalogue says which folder is theirs, the Dataset says within what.

What a catalogue answers is a folder's name below `within` and nothing else. So neither it nor whoever writes a status
can lead a pod, or the keys of `within`, anywhere else.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Self

from moorage.reading.fields import Fields
from moorage.sources.choosing import one_of
from moorage.sources.host_path import HostPathSource
from moorage.sources.location import Abilities, Keys, Location
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source

WITHIN_KINDS: Final[Mapping[str, type[Location]]] = MappingProxyType(
    {each.kind: each for each in (S3Source, NfsSource, HostPathSource)}
)
"""What a table's files can lie in."""


def _refuse(within: Fields) -> None:
    """What a place of tables has not, though a source of its kind has, as the CRD has it."""
    for kind, keys in _NOT_WITHIN.items():
        place = within.sub(kind)
        for key in keys:
            if place is not None and place.value(key) is not None:
                place.fail(key, "is not a field here: tables are read, with the keys of a Secret that secretRef names")


_NOT_WITHIN: Final = {S3Source.kind: ("webIdentity", "writerSecretRef", "provision")}


@dataclass(frozen=True, slots=True)
class CatalogueToken:
    """Where the token is that a catalogue wants from whoever asks it.

    Attributes:
        named_in: the field that names the Secret, for messages.
        secret_name: of a Secret in the dataset's namespace, which names the catalogue as well.
    """

    named_in: str
    secret_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguedSource(Location):
    """One table. Once the operator has asked the catalogue, everybody reads it as a folder of `within`.

    Attributes:
        table: with its database or namespace.
        within: where its files may be, with the keys that lead there; None: nobody said.
    """

    table: str
    within: Location | None = None

    abilities = Abilities(looked_up=True)

    @property
    def catalogue(self) -> str:
        """The catalogue's URL."""
        raise NotImplementedError(f"{self.kind} has no catalogue")

    @property
    def token(self) -> CatalogueToken | None:
        """What the operator shows the catalogue, and nobody else; None: anybody may ask it."""
        return None

    @staticmethod
    def read_within(fields: Fields) -> Location | None:
        """`within` of its mapping."""
        sub = fields.sub("within")
        if sub is None:
            return None
        _refuse(sub)
        within = one_of(sub, WITHIN_KINDS)
        sub.finish()
        return within

    def write_within(self) -> dict[str, Any]:
        """The same, back."""
        return {} if self.within is None else {"within": {self.within.kind: self.within.write()}}

    @property
    def asked(self) -> str:
        """A digest of what a folder is found for: one that was found for another table or place counts no more."""
        place = "" if self.within is None else self.within.words
        return hashlib.sha256(f"{self.kind}\n{self.words}\n{place}".encode()).hexdigest()

    def resolved(self, asked: str, folder: str) -> Location:
        """A folder of `within`."""
        if self.within is None or asked != self.asked or not self.within.may_hold(folder):
            return self
        return self.within.inside(folder)

    @property
    def words(self) -> str:
        """The catalogue and the table."""
        return f"{self.catalogue} {self.table}"

    @property
    def where(self) -> Mapping[str, str]:
        """The same, apart."""
        return {"catalogue": self.catalogue, "table": self.table}

    @property
    def lacks(self) -> str:
        """A place: a catalogue alone does not decide what a Dataset's keys are used for."""
        return "" if self.within else f"say in {self.kind}.within where the table's files may be, and with which keys"

    @property
    def remedy(self) -> str:
        """What keeps it from being read."""
        return self.lacks or "the conditions of the Dataset say what the catalogue answers"

    @property
    def bucket_name(self) -> str:
        """That of `within`."""
        return "" if self.within is None else self.within.bucket_name

    @property
    def keys(self) -> Keys | None:
        """Those of `within`."""
        return None if self.within is None else self.within.keys

    def without_keys(self) -> Self:
        """Without those of `within`."""
        return self if self.within is None else replace(self, within=self.within.without_keys())
