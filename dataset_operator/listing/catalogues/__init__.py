"""What catalogues of tables have in common.

protocol   what a kind of catalogue has to offer, and what it tells of a table
places     from the URI that a catalogue names to a folder that the Dataset permits
lister     the listing of such a folder
"""

from dataset_operator.listing.catalogues.lister import CataloguedLister
from dataset_operator.listing.catalogues.places import FoundTable, found_table
from dataset_operator.listing.catalogues.protocol import Catalogue, ToldTable

__all__ = ["Catalogue", "CataloguedLister", "FoundTable", "ToldTable", "found_table"]
