"""Folders and files behind web servers.

lister   the kind
folder   one source, within its budget
"""

from dataset_operator.listing.http.lister import HttpLister

__all__ = ["HttpLister"]
