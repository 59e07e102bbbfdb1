"""Informers that several components share, over the objects that the policy needs, and indexes over them.

A room that decides takes a `Catalogue` (Datasets, Sites, Namespaces and, where it asks, Nodes), or a `Bundle` of its
own reflectors. Nothing here decides; nothing here writes.

    bundle      several reflectors that start, sync and age together
    catalogue   the objects that every decision asks for, by name
    projections what of a Dataset is kept
    purposes    what a Namespace says of purposes
"""

from moorage.watching.bundle import Bundle
from moorage.watching.catalogue import Catalogue
from moorage.watching.projections import without_commands
from moorage.watching.purposes import NamespacePurposes

__all__ = ["Bundle", "Catalogue", "NamespacePurposes", "without_commands"]
