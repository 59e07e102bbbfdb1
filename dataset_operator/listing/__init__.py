"""Listing sources: one protocol, and one folder a kind of source that implements it.

The controller asks the table for the lister of a source and names no kind. Everything here blocks and runs in a worker
thread, within a `Budget`, and ends at once when its `Cancellation` is cancelled. It knows no Kubernetes but for the
Secret of a source, and decides nothing; failures are `moorage.errors.SourceError` with a reason for conditions.

    protocol     what a kind of source has to offer: Lister, Folder, Reader
    table        which kinds are listed
    ways         where the keys of sources come from
    budget       the most that one listing may take: bytes, objects, seconds
    cancelling   ends what blocks in another thread
    folding      from pages to a tally, through a sort on disk where a store lists in an order of its own
    claimed      what is known of a claim before the cluster said where it leads
    s3/, http/   S3 stores; folders and files behind web servers
"""

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.folding import list_folder
from dataset_operator.listing.protocol import Folder, Lister, Reader
from dataset_operator.listing.table import lister_of
from dataset_operator.listing.tally import Listing
from dataset_operator.listing.ways import WaysToKeys

__all__ = ["Budget", "Cancellation", "Folder", "Lister", "Listing", "Reader", "WaysToKeys", "list_folder", "lister_of"]
