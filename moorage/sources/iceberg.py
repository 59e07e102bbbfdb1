"""A table in an Iceberg REST catalogue: `iceberg`."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

from moorage.reading.fields import Fields
from moorage.sources.catalogued import CataloguedSource, CatalogueToken
from moorage.sources.location import Option
from moorage.sources.web_identity import is_private

_LEAST_PARTS: Final = 2


def _snapshot(value: str) -> dict[str, int]:
    if not (value.isascii() and value.isdigit()):
        raise ValueError("must be a snapshot's id, a whole number: kubectl dataset describe shows the current one")
    return {"snapshot": int(value)}


@dataclass(frozen=True, slots=True)
class IcebergSource(CataloguedSource):
    """A table that an Iceberg REST catalogue knows, as it is or as of one snapshot.

    Attributes:
        url: of the catalogue, without `/v1`.
        warehouse: which of its warehouses; None: it has one.
        snapshot: the id of the one that is meant; None: whichever is current.
        secret_name: of the Secret with the catalogue's token; None: anybody may ask it.
        ca_bundle: who may sign its certificate; None: the image's authorities.
    """

    url: str
    warehouse: str | None = None
    snapshot: int | None = None
    secret_name: str | None = None
    ca_bundle: str | None = None

    kind = "iceberg"
    options = (
        Option("--iceberg-catalogue", "The URL of an Iceberg REST catalogue.", lambda url: {"catalogue": url}),
        Option(
            "--iceberg-table",
            "The table, as namespace.table. Its files must be in the given bucket, NFS export or directory.",
            lambda value: {"table": value},
        ),
        Option("--iceberg-warehouse", "The catalogue's warehouse.", lambda value: {"warehouse": value}),
        Option("--iceberg-snapshot", "Use this snapshot instead of the current one.", _snapshot, "ID"),
        Option(
            "--iceberg-secret",
            "The Secret with catalogueToken and catalogueURL, same namespace.",
            lambda value: {"secretRef": {"name": value}},
        ),
    )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        url = fields.url("catalogue", "https", "http").rstrip("/")
        secret = fields.sub("secretRef")
        table = fields.required_text("table")
        parts = table.split(".")
        if len(parts) < _LEAST_PARTS or not all(parts):
            fields.fail("table", "must be a namespace and a table with a dot between them, such as sales.orders")
        found = cls(
            url,
            table=table,
            within=cls.read_within(fields),
            warehouse=fields.text("warehouse"),
            snapshot=fields.count("snapshot"),
            secret_name=None if secret is None else secret.required_text("name"),
            ca_bundle=fields.text("caBundle", lines=True),
        )
        if secret is not None:
            secret.finish()
            if not is_private(url):
                fields.fail(
                    "catalogue",
                    "must begin with https://, or be a Service of the cluster such as http://catalogue.lake.svc:8181: "
                    "with secretRef the token is sent there",
                )
        return found

    def write(self) -> dict[str, Any]:
        """The mapping."""
        raw: dict[str, Any] = {"catalogue": self.url, "table": self.table}
        if self.warehouse:
            raw["warehouse"] = self.warehouse
        if self.snapshot is not None:
            raw["snapshot"] = self.snapshot
        if self.secret_name:
            raw["secretRef"] = {"name": self.secret_name}
        if self.ca_bundle:
            raw["caBundle"] = self.ca_bundle
        return raw | self.write_within()

    @property
    def catalogue(self) -> str:
        """Its URL."""
        return self.url

    @property
    def token(self) -> CatalogueToken | None:
        """In a Secret that names the catalogue."""
        return None if self.secret_name is None else CatalogueToken("iceberg.secretRef.name", self.secret_name)

    @property
    def words(self) -> str:
        """Catalogue, warehouse, table and snapshot."""
        place = self.url if self.warehouse is None else f"{self.url} {self.warehouse}"
        return f"{place} {self.table}" + ("" if self.snapshot is None else f" at snapshot {self.snapshot}")

    def without_keys(self) -> Self:
        """Without certificates."""
        return replace(self, ca_bundle=None, within=None if self.within is None else self.within.without_keys())
