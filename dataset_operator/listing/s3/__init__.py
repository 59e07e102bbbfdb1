"""S3 stores: list a folder in bounded memory and time, and say in stable words why one can't be read.

A store is whatever answers at an address that a steward wrote down. So answers are bounded in bytes, in time and in
what they may unfold to, no answer leads to another host, and addresses that no store has are not called.

Keys are passed explicitly: boto3 and s3fs would otherwise find some in the environment, and the operator's own must
never be used for a steward's data.

    lister      this kind, for the table
    access      one folder: boto3 clients and s3fs file systems
    buckets     made where they are missing, and deleted where nothing is lost
    transport   botocore's HTTP session, bounded: requests for boto3
    streaming   aiobotocore's HTTP session, bounded: requests for s3fs
    reading     objects as files, by ranged reads
    addresses   names to addresses that may be called
    failures    from exceptions to reasons
"""

from dataset_operator.listing.s3.access import Access
from dataset_operator.listing.s3.lister import S3Lister

__all__ = ["Access", "S3Lister"]
