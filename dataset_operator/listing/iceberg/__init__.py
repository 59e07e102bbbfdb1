"""Tables of Iceberg REST catalogues.

documents   what is wanted of a JSON text, within bounds
calls       the two calls that are made
metadata    what is answered of a table, as a record
columns     Iceberg's types, formats and transforms in our words
catalogue   the kind
"""

from dataset_operator.listing.iceberg.catalogue import IcebergCatalogue

__all__ = ["IcebergCatalogue"]
