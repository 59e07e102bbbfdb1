"""Tables of Hive metastores.

thrift      messages and values on the wire, read within bounds
line        one connection to a metastore
metastore   the few calls that are made, as records
columns     Hive's types and formats in our words
catalogue   the kind
"""

from dataset_operator.listing.hive.catalogue import HiveCatalogue

__all__ = ["HiveCatalogue"]
