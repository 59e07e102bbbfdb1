"""What a dataset's objects hold: their format by name and by look, and the columns of tables.

Reads footers and first bytes only, by pyarrow over s3fs. An opaque file is no error; a file that is not what its name
says is one.
"""

from dataset_operator.listing.names import Format, kind_of_name
from dataset_operator.tables.look import TableLook, look_into

__all__ = ["Format", "TableLook", "kind_of_name", "look_into"]
