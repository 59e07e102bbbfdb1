"""Code that the catalogues of tables share.

protocol   what a kind of catalogue has to offer, and what it tells of a table
allowance  what one look may take of time and memory
places     from the URI that a catalogue names to a folder that the Dataset permits
lister     the listing of such a folder
"""

from dataset_operator.listing.catalogues.lister import CataloguedLister
from dataset_operator.listing.catalogues.places import FoundTable, found_table
from dataset_operator.listing.catalogues.protocol import Catalogue, ToldSnapshot, ToldTable

__all__ = ["Catalogue", "CataloguedLister", "FoundTable", "ToldSnapshot", "ToldTable", "found_table"]
