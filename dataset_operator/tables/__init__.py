"""Contents of a dataset's objects: their format by name and by look, and the columns of tables.

Reads footers and first bytes only, over s3fs, and has them parsed by a process of its own (`schema_parser`). An opaque
file is no error; a file that is not what its name says is one, and so is one that takes too much to be parsed.
"""

from dataset_operator.listing.names import Format, kind_of_name
from dataset_operator.tables.look import Parse, TableLook, look_into
from dataset_operator.tables.pool import ParserPool

__all__ = ["Format", "Parse", "ParserPool", "TableLook", "kind_of_name", "look_into"]
