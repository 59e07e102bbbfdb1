"""Informers that several components share, over the objects that the policy needs, and indexes over them.

A room that decides takes a `Catalogue` (Datasets, Sites, Namespaces and, where it asks, Nodes), or a `Bundle` of its
own reflectors. Nothing here decides; nothing here writes.

    bundle      several reflectors that start, sync and age together
    catalogue   the objects that every decision asks for, by name
    projections what of a Dataset is kept
    namespaces  what a Namespace says of its pods
"""

from moorage.watching.bundle import Bundle
from moorage.watching.catalogue import Catalogue
from moorage.watching.namespaces import NamespaceTerms
from moorage.watching.projections import without_commands

__all__ = ["Bundle", "Catalogue", "NamespaceTerms", "without_commands"]
