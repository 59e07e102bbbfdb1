"""Transfers: copy an artifact from its producer's store to the consumer's, verify it, and publish its manifest there.

Bytes are streamed through bounded buffers and verified against the manifest. The manifest is published once all files
are there and right, so no reader ever sees half an artifact. A transfer that was killed goes on where it stopped.

    grouping      what a group of tasks raises
    budget        how many bytes of buffers are in use
    object_io     ranges and parts of objects, over HTTP, tried again with back-off
    file_copy     one file, whole or in parts
    transferring  one artifact
"""

from pipeline_executor.transfers.transferring import FINAL_REASONS, Place, TransferLimits, transfer

__all__ = ["FINAL_REASONS", "Place", "TransferLimits", "transfer"]
