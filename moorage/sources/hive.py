"""A table in a Hive metastore: `hive`."""

from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.location import Option
from moorage.sources.s3 import S3Source

_PLACE_KEYS = ("endpoint", "bucket", "folder", "region", "secret-name")


@dataclass(frozen=True, slots=True)
class HiveSource(CataloguedSource):
    """A table that a Hive metastore knows."""

    metastore: str

    kind = "hive"
    options = (
        Option("--hive-metastore", "The address of a Hive metastore.", lambda value: {"metastore": value}),
        Option(
            "--hive-table",
            "The table, as database.table. Its files must be in the given bucket, NFS export or directory.",
            lambda value: {"table": value},
        ),
    )
    remote_types = ("CatalogEntry",)
    remote_keys = ("catalogURI", "table", "mountAllowed", *_PLACE_KEYS)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        metastore = _without_password(fields, "metastore")
        return cls(metastore, table=fields.required_text("table"), within=cls.read_within(fields))

    @classmethod
    def read_remote(cls, fields: Fields) -> Self:
        """A catalogue's table, with the bucket in the words of COS."""
        fields.value("mountAllowed")
        metastore = _without_password(fields, "catalogURI")
        table = fields.required_text("table").replace("/", ".")
        given = {key: fields.value(key) for key in _PLACE_KEYS if fields.value(key) is not None}
        place = Fields(fields.subject, fields.path, given)
        return cls(metastore, table=table, within=S3Source.read_local(place, "COS") if given else None)

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"metastore": self.metastore, "table": self.table} | self.write_within()

    @property
    def catalogue(self) -> str:
        """The metastore."""
        return self.metastore


def _without_password(fields: Fields, key: str) -> str:
    metastore = fields.required_text(key)
    if "@" in metastore:
        fields.fail(key, "must not contain user:password@: everybody who may read the object would see it")
    return metastore
