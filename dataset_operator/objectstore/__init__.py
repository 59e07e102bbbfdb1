"""S3 stores: list a folder in bounded memory, and say in stable words why one can't be read.

Everything here blocks and runs in a worker thread. It knows no Kubernetes and decides nothing; failures are
`moorage.errors.SourceError` with a reason for conditions. Keys are passed explicitly: boto3 and s3fs would otherwise
find some in the environment, and the operator's own must never be used for a steward's data.
"""

from dataset_operator.objectstore.access import Access
from dataset_operator.objectstore.listing import Listing, list_folder

__all__ = ["Access", "Listing", "list_folder"]
